"""What a search is made of: its trials, and what came out."""

from collections.abc import Mapping
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
    first. ``checkpoint`` is the bundle's folder once the trial is completed or stopped; ``error``
    says why a trial failed.
    """

    id: int
    state: TrialState
    epochs: int
    rungs: tuple[int, ...]
    hyperparameters: Mapping[str, Any]
    metric: float | None
    checkpoint: Path | None = None
    error: str | None = None


@dataclass(frozen=True)
class SearchResult:
    """A finished search: every trial by id, and the one with the best metric that has a checkpoint."""

    experiment: str
    trials: tuple[Trial, ...]
    best: Trial


def ranked(trials: tuple[Trial, ...]) -> list[Trial]:
    """Best metric first, then those that have none yet; ties and the rest by id."""
    return sorted(trials, key=lambda trial: (trial.metric is None, -(trial.metric or 0), trial.id))
