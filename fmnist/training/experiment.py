"""Reading Determined experiment files: the very files that ``det experiment create`` takes.

Keys and types follow Determined 0.38.1's experiment schema (expconf v0), as far as this project
uses it; an unknown key is an error here as it is at the master.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fmnist.errors import ConfigError

METRIC = "accuracy"
TIME_METRIC = "epochs"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Const(_Strict):
    """One value."""

    type: Literal["const"] = "const"
    val: Any


class Int(_Strict):
    """A whole number, both bounds included."""

    type: Literal["int"]
    minval: int
    maxval: int


class Double(_Strict):
    """A number, uniform between the bounds."""

    type: Literal["double"]
    minval: float
    maxval: float


class Log(_Strict):
    """``base`` to a power that is uniform between the bounds: they are exponents."""

    type: Literal["log"]
    base: float = 10
    minval: float
    maxval: float


class Categorical(_Strict):
    """One of the values."""

    type: Literal["categorical"]
    vals: tuple[Any, ...] = Field(min_length=1)


Hyperparameter = Annotated[Const | Int | Double | Log | Categorical, Field(discriminator="type")]


class _Searcher(_Strict):
    metric: Literal["accuracy"]
    smaller_is_better: Literal[False]


class Single(_Searcher):
    """One trial."""

    name: Literal["single"]


class Random(_Searcher):
    """``max_trials`` trials, each to its end."""

    name: Literal["random"]
    max_trials: int = Field(ge=1)
    max_concurrent_trials: int = Field(default=16, ge=1)


class AdaptiveAsha(_Searcher):
    """Asynchronous successive halving, stopping variant (Li et al., arXiv 1810.05934).

    ``max_time`` is in epochs; every ``divisor``-th trial goes on from one rung to the next.
    """

    name: Literal["adaptive_asha"]
    time_metric: Literal["epochs"]
    max_time: int = Field(ge=1)
    max_trials: int = Field(ge=1)
    max_concurrent_trials: int = Field(default=16, ge=1)
    divisor: float = Field(default=4, gt=1)
    max_rungs: int = Field(default=5, ge=1)
    mode: Literal["aggressive", "standard", "conservative"] = "standard"


Searcher = Annotated[Single | Random | AdaptiveAsha, Field(discriminator="name")]


class Resources(_Strict):
    """What a trial gets on the cluster; one slot is one CPU core group or one GPU."""

    slots_per_trial: int = Field(default=1, ge=0)
    resource_pool: str | None = None
    shm_size: int | str | None = None
    priority: int | None = None


class Reproducibility(_Strict):
    """``experiment_seed`` decides the sampled hyperparameters and each trial's seed."""

    experiment_seed: int = Field(ge=0, lt=2**31)


class Experiment(_Strict):
    """A validated experiment file. Keys that only Determined's master reads are kept as they are.

    ``hyperparameters`` are flat: ``optimizer: {name: adamw}`` in the file is ``optimizer.name`` here.
    """

    name: str = Field(min_length=1)
    description: str | None = None
    labels: tuple[str, ...] = ()
    workspace: str | None = None
    project: str | None = None
    data: Mapping[str, Any] = {}
    integrations: Mapping[str, Any] | None = None
    entrypoint: str | tuple[str, ...]
    environment: Mapping[str, Any] | None = None
    bind_mounts: tuple[Mapping[str, Any], ...] = ()
    checkpoint_storage: Mapping[str, Any] | None = None
    checkpoint_policy: Literal["best", "all", "none"] = "best"
    hyperparameters: Mapping[str, Hyperparameter]
    searcher: Searcher
    resources: Resources = Resources()
    max_restarts: int = Field(default=5, ge=0)
    reproducibility: Reproducibility
    profiling: Mapping[str, Any] | None = None

    @field_validator("hyperparameters", mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        return dict(_specifications(value)) if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _trial_length_is_max_time(self) -> "Experiment":
        epochs = self.hyperparameters.get("epochs")
        if not isinstance(epochs, Const) or not isinstance(epochs.val, int):
            raise ValueError("hyperparameters.epochs: expected one whole number")
        if isinstance(self.searcher, AdaptiveAsha) and epochs.val != self.searcher.max_time:
            raise ValueError(
                f"hyperparameters.epochs is {epochs.val} but searcher.max_time is {self.searcher.max_time}: "
                "they must be equal, because a trial that ends by itself ends Determined's whole search"
            )
        return self

    def constants(self) -> dict[str, Any]:
        """The hyperparameters of a file that leaves nothing to search, nested as in the file.

        Raises:
            ConfigError: a hyperparameter is a range.
        """
        ranges = [name for name, spec in self.hyperparameters.items() if not isinstance(spec, Const)]
        if ranges:
            raise ConfigError(
                f"{self.name}: hyperparameters {', '.join(ranges)} are ranges; "
                "use `fmnist search` for this file"
            )
        return nested(
            {name: spec.val for name, spec in self.hyperparameters.items() if isinstance(spec, Const)}
        )


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters by dotted name, as a file has them: ``{"a.b": 1}`` becomes ``{"a": {"b": 1}}``."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, last = name.split(".")
        group = tree
        for key in groups:
            group = group.setdefault(key, {})
        group[last] = value
    return tree


def flat(tree: Mapping[str, Any], group: str = "") -> dict[str, Any]:
    """The opposite of ``nested``; an empty group is a value."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            leaves |= flat(value, f"{group}{name}.")
        else:
            leaves[f"{group}{name}"] = value
    return leaves


def _specifications(group: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each hyperparameter's dotted name and description; a mapping without a type is a group."""
    for key, spec in group.items():
        if "." in str(key):
            raise ValueError(f"{prefix}{key}: a name must not hold a dot; nest the hyperparameters instead")
        name = f"{prefix}{key}"
        if not isinstance(spec, Mapping) or not spec:
            yield name, {"type": "const", "val": spec}
        elif "type" in spec:
            yield name, spec
        else:
            yield from _specifications(spec, f"{name}.")


def load_experiment(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read and validate an experiment file; ``overrides`` are ``a.b=value``, as for ``det``'s --config.

    Raises:
        ConfigError: the file or an override cannot be read, or a field is wrong; names file and field.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, found {type(content).__name__}")
    for override in overrides:
        _apply(content, override)
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_describe(error)}") from error


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--config {override}: expected key=value, such as searcher.max_trials=4")
    *parents, last = key.split(".")
    target = content
    for parent in parents:
        target = target.setdefault(parent, {})
        if not isinstance(target, dict):
            raise ConfigError(f"--config {override}: {parent} is a value, not a section")
    target[last] = yaml.safe_load(text)


def _describe(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{field}: {message}" if field else message)
    return "; ".join(lines)
