"""What a search is made of: its trials, and what came out."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class TrialState(StrEnum):
    """``stopped`` was ended by the search because others did better; ``completed`` ran to its end."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    ``id`` counts from 0; ``epochs`` are those reported so far; ``rungs`` are the epochs at whose
    end the trial is judged, the last one its end. ``hyperparameters`` are nested as in the file.
    ``metric`` is the searcher metric (validation accuracy, 0-1) of the last epoch, None before the
    first; ``curve`` holds that of every epoch. ``checkpoint`` is the bundle's folder once the trial
    is completed or stopped; ``error`` says why a trial failed.
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


@dataclass(frozen=True)
class SearchResult:
    """A finished search: every trial by id, and the one with the best metric that has a checkpoint."""

    experiment: str
    trials: tuple[Trial, ...]
    best: Trial


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """Best metric first, then those that have none or no number; ties and the rest by id."""
    numbers = {trial.id: metric_of(trial) for trial in trials}
    return sorted(trials, key=lambda trial: (-numbers[trial.id], trial.id))


def metric_of(trial: Trial) -> float:
    """For comparing: minus infinity where there is no metric, or one that is no finite number."""
    metric = trial.metric
    return metric if metric is not None and math.isfinite(metric) else -math.inf


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """The one with the best metric that has a checkpoint; None if there is none yet."""
    candidates = [trial for trial in trials if trial.checkpoint and metric_of(trial) > -math.inf]
    return ranked(candidates)[0] if candidates else None
