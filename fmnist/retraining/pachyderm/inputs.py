"""What a pipeline is fed with: commits of a data repo, ticks of a clock, or several of them combined."""

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from fmnist.retraining.pachyderm.part import Part
from fmnist.retraining.pachyderm.schedule import check_schedule

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REPO = r"^[A-Za-z0-9_-]+$"
_BRANCH = r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$"
_CLOSING = {"[": "]", "{": "}", "(": ")"}


def _input_name(name: str) -> str:
    """The worker makes it a folder below /pfs and, in front of _COMMIT, a variable."""
    if name == "out":
        raise ValueError("input cannot be named out: /pfs/out is where results go")
    if not _NAME.fullmatch(name):
        raise ValueError("expected letters, digits and _: it becomes the name of an environment variable")
    return name


def _glob(pattern: str) -> str:
    if not pattern.startswith("/"):
        raise ValueError("expected a pattern that begins with /, such as / or /*")
    open_ones: list[str] = []
    for character in re.sub(r"\\.", "", pattern):
        if character in _CLOSING:
            open_ones.append(_CLOSING[character])
        elif character in _CLOSING.values() and (not open_ones or open_ones.pop() != character):
            raise ValueError(f"{character} closes nothing")
    if open_ones:
        raise ValueError(f"{open_ones[-1]} is missing")
    return pattern


InputName = Annotated[str, AfterValidator(_input_name)]


class Trigger(Part):
    """Lets a branch follow another one only when something adds up."""

    branch: str = Field(min_length=1)
    all: StrictBool = False
    rate_limit_spec: str | None = None
    size: str | None = None
    commits: StrictInt | None = Field(default=None, ge=1)
    cron_spec: Annotated[str, AfterValidator(check_schedule)] | None = None


class PfsInput(Part):
    """The newest commit of ``branch``, cut into datums by ``glob``. A commit there starts a job."""

    repo: str = Field(pattern=_REPO)
    repo_type: str | None = None
    project: str | None = None
    name: InputName
    branch: str = Field(pattern=_BRANCH)
    glob: Annotated[str, AfterValidator(_glob)]
    join_on: str | None = None
    outer_join: StrictBool = False
    group_by: str | None = None
    lazy: StrictBool = False
    empty_files: StrictBool = False
    s3: StrictBool = False
    trigger: Trigger | None = None

    @field_validator("s3")
    @classmethod
    def _whole_repo(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("glob", "/") != "/":
            raise ValueError("inputs with s3 must have glob /: the gateway shows whole commits")
        if value and (info.data.get("lazy") or info.data.get("empty_files")):
            raise ValueError("s3 goes neither with lazy nor with empty_files")
        return value


class CronInput(Part):
    """A file for each tick, or with ``overwrite`` only for the last one."""

    name: InputName
    project: str | None = None
    repo: str | None = Field(default=None, pattern=_REPO)
    spec: Annotated[str, AfterValidator(check_schedule)]
    overwrite: StrictBool = False
    start: str | None = None


class Input(Part):
    """Exactly one of these."""

    pfs: PfsInput | None = None
    cron: CronInput | None = None
    cross: tuple["Input", ...] = ()
    union: tuple["Input", ...] = ()
    join: tuple["Input", ...] = ()
    group: tuple["Input", ...] = ()

    @model_validator(mode="after")
    def _one(self) -> "Input":
        given = [name for name in type(self).model_fields if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                f"expected one of {', '.join(type(self).model_fields)}, got {', '.join(given) or 'none'}"
            )
        return self

    @field_validator("cross", "join", "group")
    @classmethod
    def _names_differ(cls, inputs: tuple["Input", ...]) -> tuple["Input", ...]:
        names = [leaf.name for one in inputs for leaf in one.leaves()]
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f'name "{name}" is used more than once')
        return inputs

    @field_validator("join")
    @classmethod
    def _joined_on(cls, inputs: tuple["Input", ...]) -> tuple["Input", ...]:
        for leaf in (leaf for one in inputs for leaf in one.pfs_inputs()):
            if not leaf.join_on or leaf.s3:
                raise ValueError(f"{leaf.name}: an input that is joined needs join_on, and no s3")
        return inputs

    @field_validator("group")
    @classmethod
    def _grouped_by(cls, inputs: tuple["Input", ...]) -> tuple["Input", ...]:
        for leaf in (leaf for one in inputs for leaf in one.pfs_inputs()):
            if not leaf.group_by or leaf.s3:
                raise ValueError(f"{leaf.name}: an input that is grouped needs group_by, and no s3")
        return inputs

    def leaves(self) -> Iterator[PfsInput | CronInput]:
        """The repos and clocks at the ends of the tree."""
        if leaf := self.pfs or self.cron:
            yield leaf
        for one in (*self.cross, *self.union, *self.join, *self.group):
            yield from one.leaves()

    def pfs_inputs(self) -> Iterator[PfsInput]:
        """The repos alone."""
        return (leaf for leaf in self.leaves() if isinstance(leaf, PfsInput))
