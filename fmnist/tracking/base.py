"""Port to a tracker of trainings: Determined, MLflow, W&B, or a parent process."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from fmnist.errors import Diverged


class Decision(Enum):
    """Next step of a training; STOP is a searcher's stop, a pause or a cancellation."""

    CONTINUE = "continue"
    STOP = "stop"


@dataclass(frozen=True)
class EpochReport:
    """Metrics and figures of one epoch.

    Attributes:
        epoch: from 1, of ``epochs``.
        steps: optimizer steps since the start of the training.
        training: finite metrics of the training images by name, such as loss and accuracy.
        validation: likewise of the validation images; empty if none are held out.
        pictures: PNG files by name, such as confusion_matrix.

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
        """All metrics by the names that trackers show: training/loss, validation/accuracy, …"""
        return {
            f"{kind}/{name}": value
            for kind in ("training", "validation")
            for name, value in getattr(self, kind).items()
        }


@dataclass(frozen=True)
class StudyLabel:
    """Search that a run belongs to.

    Attributes:
        id: unique.
        searcher: as in the experiment file, without keys at their defaults.
    """

    id: str
    searcher: Mapping[str, Any]


class Run(Protocol):
    """One training in a tracker.

    ``report`` is called for each epoch in order, ``finish`` at the end of a training without an error; a run
    that was not finished is shown as failed.

    A training that resumes after its process was killed calls ``start`` again and reports the epochs so far
    again; a run records each epoch once and returns the same decision as before.
    """

    @property
    def id(self) -> str:
        """The tracker's id of this run."""
        ...

    def start(self, parameters: Mapping[str, Any]) -> None:
        """Record the hyperparameters and the provenance, before the first epoch."""
        ...

    def report(self, report: EpochReport) -> Decision:
        """Record an epoch; returns whether to continue."""
        ...

    def finish(self, bundle: Path) -> None:
        """Record where the checkpoint bundle is and mark the run as done."""
        ...
