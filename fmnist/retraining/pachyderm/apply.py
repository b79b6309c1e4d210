"""From spec files to running pipelines: a new version where something changed, and nowhere else.

pachd makes a new version of a pipeline, and starts a job, whenever it is told to update it. So each
version carries two annotations: the sum of the spec that it was made from, and the number that it was to
get. If both are right, the pipeline is what the file says, and nobody has changed it since.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from fmnist.core.progress import Say
from fmnist.errors import ConfigError, NotFoundError, TimedOut, UnavailableError
from fmnist.retraining.pachyderm.base import Change, Deployed, PipelineServer
from fmnist.retraining.pachyderm.files import SpecFile
from fmnist.retraining.pachyderm.spec import ANNOTATIONS
from fmnist.retraining.pachyderm.transform import IMAGE

SHA256 = f"{ANNOTATIONS}spec-sha256"
VERSION = f"{ANNOTATIONS}version"

_READY = ("RUNNING", "STANDBY", "PAUSED")
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Step:
    """What is to be done with a spec: its pipeline is created, updated, or the same already."""

    file: SpecFile
    action: Literal["create", "update", "unchanged"]
    version: int

    @property
    def change(self) -> Change:
        """What the server gets."""
        metadata = self.file.document.get("metadata") or {}
        annotations = metadata.get("annotations") or {}
        own = {SHA256: self.file.sha256, VERSION: str(self.version)}
        document = {**self.file.document, "metadata": {**metadata, "annotations": {**annotations, **own}}}
        return Change(str(self.file.path), document, update=self.action == "update")


@dataclass(frozen=True)
class Applied:
    """A pipeline after it; ``state`` as in ``Deployed``, None if it was not waited for."""

    name: str
    action: Literal["create", "update", "unchanged"]
    version: int
    state: str | None


def plan(server: PipelineServer, specs: Sequence[SpecFile]) -> list[Step]:
    """What ``carry_out`` would do. Whatever can be asked before anything is changed is asked here.

    Raises:
        ConfigError: a spec has no image yet, or the server does not take one, or lacks secrets for it.
        NotFoundError: a repo or branch that a pipeline is fed from does not exist.
    """
    for spec in specs:
        if spec.spec.transform.image == IMAGE:
            raise ConfigError(f"{spec.path}: transform.image: is still {IMAGE}; render the spec first")
    _check_secrets(server, specs)
    _check_sources(server, specs)
    steps = [_step(spec, server.find(spec.name)) for spec in specs]
    if changes := _changes(steps):
        server.try_out(changes)
    return steps


def carry_out(
    server: PipelineServer,
    steps: Sequence[Step],
    say: Say,
    seconds: float,
    pause: Callable[[float], None] = time.sleep,
) -> list[Applied]:
    """Create and update, all or none; then wait up to ``seconds`` for all to be ready, or with 0 for none.

    Raises:
        ConfigError: the server does not take a spec.
        UnavailableError: a pipeline failed; the message has pachd's reason.
        TimedOut: one is not ready in time.
    """
    for step in steps:
        say(f"{step.file.name}: {step.action}, version {step.version}")
    if changes := _changes(steps):
        server.put(changes)
    deadline = time.monotonic() + seconds
    states = [_ready(server, step.file.name, deadline, pause) if seconds else None for step in steps]
    return [
        Applied(step.file.name, step.action, step.version, state)
        for step, state in zip(steps, states, strict=True)
    ]


def _step(file: SpecFile, now: Deployed | None) -> Step:
    if now is None:
        return Step(file, "create", 1)
    made_from = now.annotations.get(SHA256), now.annotations.get(VERSION)
    if made_from == (file.sha256, str(now.version)):
        return Step(file, "unchanged", now.version)
    return Step(file, "update", now.version + 1)


def _changes(steps: Sequence[Step]) -> list[Change]:
    return [step.change for step in steps if step.action != "unchanged"]


def _check_secrets(server: PipelineServer, specs: Sequence[SpecFile]) -> None:
    used: dict[str, set[str]] = {}
    for spec in specs:
        for secret in spec.spec.transform.secrets:
            used.setdefault(secret.name, set()).update([secret.key] if secret.key else [])
        for name in spec.spec.transform.image_pull_secrets:
            used.setdefault(name, set())
    missing = server.missing_secrets(sorted(used))
    if missing:
        commands = [
            f"  kubectl create secret generic {name}"
            + "".join(f" --from-literal={key}=..." for key in sorted(used[name]))
            for name in missing
        ]
        raise ConfigError(
            f"nothing was applied: secrets missing in Pachyderm's namespace: {', '.join(missing)}; make:\n"
            + "\n".join(commands)
        )


def _check_sources(server: PipelineServer, specs: Sequence[SpecFile]) -> None:
    """pachd would create a missing branch, and then nothing would ever start a job."""
    made = {spec.name for spec in specs}
    for spec in specs:
        for one in spec.spec.input.pfs_inputs() if spec.spec.input else ():
            if one.repo in made:
                continue
            advice = f"put data first: fmnist data fetch, or pachctl put file -r {one.repo}@{one.branch}:/"
            try:
                branches = server.branches(one.repo)
            except NotFoundError as error:
                raise NotFoundError(f"{spec.path}: input {one.name}: {error}; {advice}") from error
            if one.branch not in branches:
                raise NotFoundError(
                    f"{spec.path}: input {one.name}: {one.repo} has no branch {one.branch}, it has "
                    f"{', '.join(branches) or 'none'}; {advice}"
                )


def _ready(server: PipelineServer, name: str, deadline: float, pause: Callable[[float], None]) -> str:
    while True:
        now = server.find(name)
        state = now.state if now else "DELETED"
        reason = f": {now.reason}" if now and now.reason else ""
        if state in _READY:
            return state
        if state in ("FAILURE", "DELETED"):
            raise UnavailableError(f"pipeline {name}: {state}{reason}")
        if time.monotonic() >= deadline:
            raise TimedOut(f"pipeline {name}: is still {state}{reason}; see pachctl inspect pipeline {name}")
        pause(_PAUSE_SECONDS)
