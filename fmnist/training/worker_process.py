"""Child side of a training in a worker process: the ``Run`` port over a pipe."""

import signal
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
from fmnist.core.signals import end_when_closed, raise_on_sigterm
from fmnist.errors import FmnistError, UnavailableError
from fmnist.tracking.base import Decision, EpochReport, Run
from fmnist.training.job import TrainingJob
from fmnist.training.progress import TrainingProgress

Pipe = connection.Connection

_STEP_SECONDS = 0.25


class Train(Protocol):
    """Signature of ``fmnist.training.loop.train``; tests pass a substitute."""

    def __call__(
        self, job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None
    ) -> Bundle: ...


def train_in_process(
    job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None
) -> Bundle:
    """Run the training loop; imported only in the child, so that the parent process stays small."""
    from fmnist.training.loop import train

    return train(job, dataset, run, progress)


@dataclass(frozen=True)
class Started:
    """The training has begun."""

    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Stepped:
    """Progress within an epoch; sent a few times per second, not for every step."""

    epoch: int
    epochs: int
    step: int
    steps: int


@dataclass(frozen=True)
class Finished:
    """The checkpoint bundle is complete."""

    bundle: Path


@dataclass(frozen=True)
class Noted:
    """A message for the user."""

    text: str


@dataclass(frozen=True)
class Failure:
    """Why a training ended without a bundle.

    Attributes:
        error: with the exit code that the program should end with.
        transient: whether the same training may succeed when it is started again.
    """

    error: FmnistError
    transient: bool

    @property
    def reason(self) -> str:
        return str(self.error)


class PipeRun:
    """A ``Run`` that forwards every call to the parent process."""

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
    """A ``TrainingProgress`` that forwards to the parent; epochs are reported through the run."""

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
    """Train in this process and report everything through ``pipe``."""
    # Ctrl-C reaches every process of a terminal, but the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise_on_sigterm()
    parent = parent_process()
    assert parent
    end_when_closed(parent.sentinel)
    try:
        dataset = Dataset(np.load(data / "images.npy", "r"), np.load(data / "labels.npy", "r"))
        train(job, dataset, PipeRun(pipe, run_id), PipeProgress(pipe))
    except FmnistError as error:
        pipe.send(Failure(error, isinstance(error, UnavailableError)))
    except Exception as error:  # noqa: BLE001 - the parent reports every error
        place = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
        pipe.send(Failure(FmnistError(reason), isinstance(error, OSError | MemoryError)))
