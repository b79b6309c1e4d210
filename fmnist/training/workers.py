"""Run trainings in worker processes, forked from a server that has loaded TensorFlow once."""

import atexit
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from multiprocessing import connection, forkserver
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from fmnist.core.bundle import Bundle, open_bundle
from fmnist.core.dataset import Dataset
from fmnist.errors import FmnistError
from fmnist.files.atomic import folder_written_atomically, remove_leftovers
from fmnist.tracking.base import EpochReport, Run
from fmnist.training.job import TrainingJob
from fmnist.training.progress import SilentTraining, TrainingProgress
from fmnist.training.worker_process import (
    Failure,
    Finished,
    Noted,
    Started,
    Stepped,
    Train,
    train_in_process,
    work,
)

TENSORFLOW = ("fmnist.training.epochs", "fmnist.training.checkpoint")
"""Modules that a training imports; that takes about ten seconds, once for all trainings."""

_SILENCE = 900.0
_GRACE = 5.0
_POLL = 1.0

_context = multiprocessing.get_context("forkserver")


def prepare(modules: Sequence[str] = TENSORFLOW) -> None:
    """Start the server that trainings are forked from; it imports ``modules`` in the background.

    Does nothing when it runs already, whatever the modules. The server ends with this process.
    """
    if _server()._forkserver_pid is not None:
        return
    _context.set_forkserver_preload(list(modules))
    # The server itself notices the end of this process only after its imports.
    atexit.register(_stop_server)
    if threading.current_thread() is not threading.main_thread():
        forkserver.ensure_running()
        return
    # Ctrl-C reaches every process of a terminal, and the server would print a traceback while it imports.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def _server() -> Any:
    return forkserver._forkserver


def _stop_server() -> None:
    server = _server()
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGTERM)
        server._stop()


def share(dataset: Dataset, folder: Path) -> Path:
    """Store a data set where worker processes map it into memory instead of each holding a copy.

    ``folder`` must be named after the content: an existing one is used as it is.
    """
    if not folder.exists():
        with folder_written_atomically(folder) as beside:
            np.save(beside / "images.npy", dataset.images)
            np.save(beside / "labels.npy", dataset.labels)
    return folder


class WorkerDied(FmnistError):
    """A worker's process ended without a result; the exit code is that of a shell."""

    def __init__(self, reason: str, code: int = 1) -> None:
        super().__init__(reason)
        self.exit_code = code


class Worker:
    """Parent side of one training in a worker process.

    ``failure`` is None while it runs and after it succeeded.
    """

    def __init__(
        self, job: TrainingJob, run: Run, progress: TrainingProgress, train: Train, data: Path
    ) -> None:
        self.job = job
        self.failure: Failure | None = None
        self._run = run
        self._progress = progress
        self._finished = False
        self._heard = time.monotonic()
        self.connection, theirs = _context.Pipe()
        self.process = _context.Process(
            target=work, args=(theirs, train, job, data, run.id), name=str(job.folder), daemon=True
        )
        self.process.start()
        theirs.close()

    def listen(self) -> bool:
        """Handle the messages that have arrived; False once the process has ended."""
        if time.monotonic() - self._heard > _SILENCE:
            silent = WorkerDied(f"its process sent nothing for {_SILENCE:.0f} s and was killed")
            self.failure = Failure(silent, transient=True)
            self.process.kill()
        try:
            while self.connection.poll():
                self._heard = time.monotonic()
                self._handle(self.connection.recv())
        except (EOFError, ConnectionError):
            self._end()
            return False
        return True

    def _handle(self, message: object) -> None:
        match message:
            case Started():
                self._run.start(message.parameters)
            case Stepped():
                self._progress.stepped(message.epoch, message.epochs, message.step, message.steps)
            case EpochReport():
                self.connection.send(self._run.report(message))
                self._progress.reported(message)
            case Finished():
                self._run.finish(message.bundle)
                self._finished = True
            case Noted():
                self._progress.noted(message.text)
            case Failure():
                self.failure = message

    def _end(self) -> None:
        self.connection.close()
        self.process.join(_GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        if self._finished:
            self.failure = None
        elif self.failure is None:
            self.failure = Failure(_death(self.process.exitcode), transient=True)


class Workers:
    """Runs trainings in worker processes; as a context manager, it ends those that remain.

    Args:
        data: a folder made by ``share``.
        train: function of a module, so that it can be pickled; called in each process.
    """

    def __init__(self, data: Path, train: Train = train_in_process) -> None:
        self._data = data
        self._train = train
        self._workers: list[Worker] = []

    def start(self, job: TrainingJob, run: Run, progress: TrainingProgress | None = None) -> Worker:
        """Start a training. ``run`` and ``progress`` stay in this process, called by messages."""
        worker = Worker(job, run, progress or SilentTraining(), self._train, self._data)
        self._workers.append(worker)
        return worker

    def wait(self, seconds: float) -> list[Worker]:
        """Handle messages for at most ``seconds`` or until a training ends; returns those that ended.

        Errors of ``run`` and ``progress`` are raised here.
        """
        deadline = time.monotonic() + seconds
        while self._workers:
            left = deadline - time.monotonic()
            connection.wait([worker.connection for worker in self._workers], max(left, 0))
            ended = [worker for worker in self._workers if not worker.listen()]
            for worker in ended:
                self._workers.remove(worker)
                remove_leftovers(worker.job.folder)
            if ended or left <= 0:
                return ended
        return []

    def run(self, job: TrainingJob, run: Run, progress: TrainingProgress | None = None) -> Bundle:
        """Run one training from beginning to end.

        Raises:
            FmnistError: it ended without a checkpoint; the error is that of the training.
        """
        worker = self.start(job, run, progress)
        while worker not in self.wait(_POLL):
            pass
        if worker.failure:
            raise worker.failure.error
        return open_bundle(job.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process: by SIGTERM, after some seconds by SIGKILL."""
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + _GRACE
        for worker in self._workers:
            worker.process.join(max(deadline - time.monotonic(), 0))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()
            remove_leftovers(worker.job.folder)
        self._workers.clear()


def _death(code: int | None) -> WorkerDied:
    if code is None or code >= 0:
        return WorkerDied(f"its process ended with exit code {code} and no message", code or 1)
    reason = f"its process was killed by signal {-code} ({signal.Signals(-code).name})"
    if -code == signal.SIGKILL:
        reason += "; probably out of memory: free some, or use fewer --jobs in a search"
    return WorkerDied(reason, 128 - code)
