"""An experiment file as a whole.

Sections that this project neither reads nor writes are free mappings: Determined's master checks them when
an experiment is created, also by ``fmnist experiments create --dry-run``.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, StrictBool, StrictInt, field_validator, model_validator

from fmnist.errors import ConfigError
from fmnist.experiments.ranges import (
    Const,
    Hyperparameter,
    Range,
    nested,
    specifications,
    warning,
)
from fmnist.experiments.searchers import TIME_METRIC, AdaptiveAsha, Grid, Searcher
from fmnist.files.documents import DocumentWithNulls

Free = Mapping[str, Any]


class PachydermServer(DocumentWithNulls):
    """Address of pachd, from which a trial reads its data."""

    host: str
    port: StrictInt


class PachydermConsole(PachydermServer):
    """Address of Pachyderm's web console."""

    scheme: str


class PachydermDataset(DocumentWithNulls):
    """The data commit of the training; ``token`` may be empty."""

    project: str
    repo: str
    commit: str
    branch: str
    token: str = Field(repr=False)


class PachydermIntegration(DocumentWithNulls):
    """Origin of the data, to which Determined's web UI links; the master requires all keys."""

    pachd: PachydermServer
    proxy: PachydermConsole
    dataset: PachydermDataset


class Integrations(DocumentWithNulls):
    """Systems that Determined knows of."""

    pachyderm: PachydermIntegration | None = None
    webhooks: Free | None = None


class Reproducibility(DocumentWithNulls):
    """``experiment_seed`` determines the sampled hyperparameters and each trial's seed."""

    experiment_seed: StrictInt = Field(default=0, ge=0, lt=2**31)


class Experiment(DocumentWithNulls):
    """A validated experiment file.

    ``hyperparameters`` are flat: ``optimizer: {name: adamw}`` in the file is ``optimizer.name`` here.
    """

    name: str = Field(min_length=1)
    description: str | None = None
    labels: tuple[str, ...] = ()
    workspace: str | None = None
    project: str | None = None
    data: Free | None = None
    integrations: Integrations | None = None
    entrypoint: str | tuple[str, ...] = Field(
        description="a managed experiment needs one: python3 -m fmnist.jobs.train"
    )
    environment: Free | None = None
    bind_mounts: tuple[Free, ...] = ()
    checkpoint_storage: Free | None = Field(default=None, repr=False)
    checkpoint_policy: Literal["best", "all", "none"] = "best"
    hyperparameters: Mapping[str, Hyperparameter]
    searcher: Searcher = Field(
        description="{name: single, metric: accuracy, smaller_is_better: false} is one training"
    )
    resources: Free | None = None
    max_restarts: StrictInt = Field(default=5, ge=0)
    reproducibility: Reproducibility = Reproducibility()
    profiling: Free | None = None
    retention_policy: Free | None = None
    log_policies: tuple[Free, ...] = ()
    preemption_timeout: StrictInt | None = None
    # Unused by this project's trainings; accepted as by the master.
    data_layer: Free | None = None
    debug: StrictBool = False
    min_checkpoint_period: Free | None = None
    min_validation_period: Free | None = None
    optimizations: Free | None = None
    pbs: Free | None = None
    perform_initial_validation: StrictBool = False
    records_per_epoch: StrictInt | None = None
    scheduling_unit: StrictInt = Field(default=100, ge=1)
    security: Free | None = None
    slurm: Free | None = None
    tensorboard_storage: Free | None = None

    @field_validator("entrypoint", mode="before")
    @classmethod
    def _command(cls, value: Any) -> Any:
        parts = value if isinstance(value, list) else [value]
        if not parts or not all(isinstance(part, str) and part for part in parts):
            raise ValueError("expected a command, as a string or a list of strings")
        return value

    @field_validator("hyperparameters", mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        return dict(specifications(value)) if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        epochs = self.hyperparameters.get(TIME_METRIC)
        if not isinstance(epochs, Const) or type(epochs.val) is not int or epochs.val < 1:
            raise ValueError(
                "hyperparameters.epochs: expected one whole number, at least 1: the trials of a search are "
                "compared at equal lengths"
            )
        if isinstance(self.searcher, AdaptiveAsha) and epochs.val != self.searcher.max_time:
            raise ValueError(
                f"hyperparameters.epochs is {epochs.val} but searcher.max_time is {self.searcher.max_time}: "
                "they must be equal, here and on Determined, whose master ends a whole search early when a "
                "trial ends by itself; only the searcher stops trials"
            )
        return self

    @model_validator(mode="after")
    def _counted(self) -> Self:
        for name, spec in self.hyperparameters.items():
            if isinstance(self.searcher, Grid) and isinstance(spec, Range) and spec.count is None:
                raise ValueError(
                    f"hyperparameters.{name}: a grid search needs count, how many values to take from "
                    f"minval {spec.minval:g} to maxval {spec.maxval:g}"
                )
        return self

    @property
    def epochs(self) -> int:
        """The length of a training."""
        epochs = self.hyperparameters[TIME_METRIC]
        assert isinstance(epochs, Const)
        return int(epochs.val)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each range that is valid but looks like a mistake."""
        found = ((name, warning(spec)) for name, spec in self.hyperparameters.items())
        return tuple(f"hyperparameters.{name}: {text}" for name, text in found if text)

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
