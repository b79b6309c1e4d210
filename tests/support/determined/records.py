"""What a master knows: experiments, trials, checkpoints, models and versions."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from determined.common.api import bindings

Json = dict[str, Any]


def now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass
class Experiment:
    id: int
    config: Json
    text: str
    unmanaged: bool
    state: bindings.experimentv1State
    external_id: str | None = None
    files: int = 0
    started: str = field(default_factory=now)

    @property
    def metric(self) -> str:
        return str(self.config.get("searcher", {}).get("metric", ""))

    @property
    def smaller_is_better(self) -> bool:
        return bool(self.config.get("searcher", {}).get("smaller_is_better", True))


@dataclass
class Trial:
    """``metrics`` are what was reported, in order: group, steps, figures."""

    id: int
    experiment: Experiment
    hparams: Json
    external_id: str | None = None
    state: bindings.trialv1State = bindings.trialv1State.ACTIVE
    runs: int = 0
    progress: float = 0.0
    run_metadata: Json = field(default_factory=dict)
    metrics: list[tuple[str, int, Json]] = field(default_factory=list)
    started: str = field(default_factory=now)

    @property
    def task(self) -> str:
        return f"{self.experiment.id}.trial-{self.id}"

    def series(self, group: str) -> list[tuple[int, Json]]:
        return [(steps, figures) for kind, steps, figures in self.metrics if kind == group]

    def at(self, group: str, steps: int) -> Json | None:
        """What was reported last of ``group`` after ``steps`` steps."""
        found = [figures for done, figures in self.series(group) if done == steps]
        return found[-1] if found else None


@dataclass
class Checkpoint:
    uuid: str
    trial: Trial
    metadata: Json
    resources: dict[str, str]
    state: bindings.checkpointv1State
    reported: str = field(default_factory=now)

    @property
    def steps(self) -> int:
        return int(self.metadata["steps_completed"])


@dataclass
class Version:
    number: int
    checkpoint: Checkpoint
    name: str = ""
    comment: str = ""
    notes: str = ""
    labels: list[str] = field(default_factory=list)
    metadata: Json = field(default_factory=dict)
    created: str = field(default_factory=now)


@dataclass
class Model:
    id: int
    name: str
    description: str = ""
    labels: list[str] = field(default_factory=list)
    metadata: Json = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)
    numbers: int = 0
    created: str = field(default_factory=now)


@dataclass
class Records:
    """The master's database: it outlives a restart."""

    experiments: dict[int, Experiment] = field(default_factory=dict)
    trials: dict[int, Trial] = field(default_factory=dict)
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    preempted: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
