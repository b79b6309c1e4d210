"""Trials and result of a search."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class TrialState(StrEnum):
    """``stopped``: ended by the search because others were better; ``completed``: ran to its end."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    Attributes:
        id: from 0.
        state: see ``TrialState``.
        epochs: number of epochs reported so far.
        rungs: epochs at whose end the trial is judged, ascending; the last one is its full length.
        hyperparameters: nested as in the experiment file.
        metric: validation accuracy of the last epoch, 0-1; None before the first.
        checkpoint: folder of the bundle once the trial is completed or stopped.
        error: why the trial failed.
        curve: ``metric`` of every epoch.
    """

    id: int
    state: TrialState
    epochs: int
    rungs: tuple[int, ...]
    hyperparameters: Mapping[str, Any]
    metric: float | None
    checkpoint: Path | None = None
    error: str | None = None
    curve: tuple[float, ...] = ()

    def document(self) -> dict[str, Any]:
        """The trial for machines; a metric that is not finite is null."""
        metric = self.metric if self.metric is not None and math.isfinite(self.metric) else None
        return {
            "id": self.id,
            "state": self.state,
            "epochs": self.epochs,
            "hyperparameters": self.hyperparameters,
            "metric": metric,
            "error": self.error,
            "checkpoint": str(self.checkpoint) if self.checkpoint else None,
        }


@dataclass(frozen=True)
class SearchResult:
    """A finished search: all trials by id, and the best one with a checkpoint."""

    experiment: str
    trials: tuple[Trial, ...]
    best: Trial


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """Best metric first, then trials without a finite metric; ties by id."""
    numbers = {trial.id: metric_of(trial) for trial in trials}
    return sorted(trials, key=lambda trial: (-numbers[trial.id], trial.id))


def metric_of(trial: Trial) -> float:
    """The metric for comparisons: minus infinity if there is none or it is not finite."""
    metric = trial.metric
    return metric if metric is not None and math.isfinite(metric) else -math.inf


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """The trial with the best finite metric and a checkpoint, None if there is none yet."""
    candidates = [trial for trial in trials if trial.checkpoint and metric_of(trial) > -math.inf]
    return ranked(candidates)[0] if candidates else None
