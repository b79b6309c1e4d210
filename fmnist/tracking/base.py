"""The port to whatever runs and tracks a training: Determined, MLflow, or a parent process."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from fmnist.errors import Diverged


class Decision(Enum):
    """What the training does next. Stop stands for searcher stop, pause and cancel alike."""

    CONTINUE = "continue"
    STOP = "stop"


@dataclass(frozen=True)
class EpochReport:
    """What one epoch gave. ``epoch`` counts from 1; ``steps`` are optimizer steps since the start.

    ``training`` and ``validation`` hold finite numbers by metric name (loss, accuracy, macro_f1, …);
    ``validation`` is empty where no images are held out. ``pictures`` are PNG bytes by name
    (confusion_matrix).

    Raises:
        Diverged: a number is not finite, so that no tracker and no search ever takes it for the best.
    """

    epoch: int
    epochs: int
    steps: int
    training: Mapping[str, float]
    validation: Mapping[str, float]
    pictures: Mapping[str, bytes]

    def __post_init__(self) -> None:
        for kind in ("training", "validation"):
            for name, value in getattr(self, kind).items():
                if not math.isfinite(value):
                    raise Diverged(self.epoch, self.steps, f"{kind} {name}", value)

    def scalars(self) -> dict[str, float]:
        """All numbers, named as trackers show them: training/loss, validation/accuracy, …"""
        return {
            f"{kind}/{name}": value
            for kind in ("training", "validation")
            for name, value in getattr(self, kind).items()
        }


@dataclass(frozen=True)
class StudyLabel:
    """What the runs of one search have in common: ``id``, no other search's, and its ``searcher``.

    ``searcher`` is as in the experiment file, without what is left at its default.
    """

    id: str
    searcher: Mapping[str, Any]


class Run(Protocol):
    """One training, as its tracker sees it.

    ``report`` comes for each epoch, in order. ``finish`` comes at the end of a training that was
    not interrupted by an error; without it the tracker shows the run as failed.

    A training that goes on after its process was killed calls ``start`` again and reports the
    epochs so far again; a run keeps each epoch once and gives the answer that it gave before.
    """

    @property
    def id(self) -> str:
        """The tracker's id of this run."""
        ...

    def start(self, parameters: Mapping[str, Any]) -> None:
        """Record the hyperparameters and the provenance, before the first epoch."""
        ...

    def report(self, report: EpochReport) -> Decision:
        """Record an epoch; the answer says whether to go on."""
        ...

    def finish(self, bundle: Path) -> None:
        """Record where the checkpoint bundle is and mark the run as done."""
        ...
