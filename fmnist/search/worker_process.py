"""The child's side of a training in a process of its own: the ``Run`` port over a pipe."""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Dataset
from fmnist.errors import FmnistError, UnavailableError
from fmnist.tracking.base import Decision, EpochReport, Run
from fmnist.training.job import TrainingJob
from fmnist.training.progress import Progress

Pipe = connection.Connection

_STEP_SECONDS = 0.25


class Train(Protocol):
    """``fmnist.training.loop.train``, or what stands in for it."""

    def __call__(
        self, job: TrainingJob, dataset: Dataset, run: Run, progress: Progress | None = None
    ) -> Bundle: ...


def train_for_real(job: TrainingJob, dataset: Dataset, run: Run, progress: Progress | None = None) -> Bundle:
    """The one training loop; found only in the child, so that a search's parent stays small."""
    from fmnist.training.loop import train

    return train(job, dataset, run, progress)


@dataclass(frozen=True)
class Started:
    """The training began."""

    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Stepped:
    """A step is done; some are left out."""

    epoch: int
    epochs: int
    step: int
    steps: int


@dataclass(frozen=True)
class Finished:
    """The bundle is whole."""

    bundle: Path


@dataclass(frozen=True)
class Noted:
    """Something that a person should know."""

    text: str


@dataclass(frozen=True)
class Failed:
    """The training raised; there is no bundle. ``passing``: the machine's fault, not the training's."""

    reason: str
    passing: bool


class PipeRun:
    """A ``Run`` that the parent answers for."""

    def __init__(self, pipe: Pipe, run_id: str) -> None:
        self._pipe = pipe
        self._id = run_id

    @property
    def id(self) -> str:
        return self._id

    def start(self, parameters: Mapping[str, Any]) -> None:
        self._pipe.send(Started(dict(parameters)))

    def report(self, report: EpochReport) -> Decision:
        self._pipe.send(report)
        decision: Decision = self._pipe.recv()
        return decision

    def finish(self, bundle: Path) -> None:
        self._pipe.send(Finished(bundle))


class PipeProgress:
    """A ``Progress`` at the parent's; epochs reach it through the run."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._next = 0.0

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        if time.monotonic() < self._next:
            return
        self._pipe.send(Stepped(epoch, epochs, step, steps))
        self._next = time.monotonic() + _STEP_SECONDS

    def reported(self, report: EpochReport) -> None:
        pass

    def noted(self, text: str) -> None:
        self._pipe.send(Noted(text))


def work(pipe: Pipe, train: Train, job: TrainingJob, data: Path, run_id: str) -> None:
    """Train in this process; everything there is to say goes through ``pipe``."""
    # Ctrl-C is the parent's to handle; its request to end must leave nothing half-written.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        dataset = Dataset(np.load(data / "images.npy", "r"), np.load(data / "labels.npy", "r"))
        train(job, dataset, PipeRun(pipe, run_id), PipeProgress(pipe))
    except FmnistError as error:
        pipe.send(Failed(str(error), isinstance(error, UnavailableError)))
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the parent must hear of it
        place = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
        pipe.send(Failed(reason, isinstance(error, OSError | MemoryError)))


def _end_with_parent() -> None:
    """A killed parent cannot end its children: they see it themselves."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(128 + signal.SIGKILL)
