"""Trainings in processes of their own, forked from a server that has TensorFlow loaded once."""

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
from fmnist.search.worker_process import (
    Failed,
    Finished,
    Noted,
    Started,
    Stepped,
    Train,
    train_for_real,
    work,
)
from fmnist.tracking.base import EpochReport, Run
from fmnist.training.job import TrainingJob
from fmnist.training.progress import Progress, Silent

TENSORFLOW = ("fmnist.training.trainer", "fmnist.training.checkpoint")
"""What a training imports: some ten seconds, once for all."""

_SILENCE = 900.0
_GRACE = 5.0
_POLL = 1.0

_context = multiprocessing.get_context("forkserver")
_prepared = False


def prepare(modules: Sequence[str] = TENSORFLOW) -> None:
    """Start the server that trainings are forked from; it imports ``modules`` while other work goes on.

    Called again it does nothing, whatever the modules. The server ends with this process.
    """
    global _prepared
    if _prepared:
        return
    _prepared = True
    _context.set_forkserver_preload(list(modules))
    # By itself it would notice the end of this process only when its imports are done.
    atexit.register(_stop_server)
    if threading.current_thread() is not threading.main_thread():
        forkserver.ensure_running()
        return
    # Ctrl-C goes to all processes of a terminal, and the server would tell of it while it imports.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def _stop_server() -> None:
    server: Any = forkserver._forkserver
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGTERM)
        server._stop()


def share(dataset: Dataset, folder: Path) -> Path:
    """Put a data set where processes map it into memory instead of each getting a copy.

    ``folder`` must be named after the content: if it is there already, it is taken as it is.
    """
    if not folder.exists():
        with folder_written_atomically(folder) as beside:
            np.save(beside / "images.npy", dataset.images)
            np.save(beside / "labels.npy", dataset.labels)
    return folder


class Worker:
    """One training in a process of its own, seen from the parent.

    ``error`` is None while it runs and after it ended well; ``passing`` says that the same
    training may well succeed if it is started again.
    """

    def __init__(self, job: TrainingJob, run: Run, progress: Progress, train: Train, data: Path) -> None:
        self.job = job
        self.error: str | None = None
        self.passing = False
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
        """Take what the process says, if anything; False once it has ended."""
        if time.monotonic() - self._heard > _SILENCE:
            self.error, self.passing = f"said nothing for {_SILENCE:.0f} s and was killed", True
            self.process.kill()
        try:
            while self.connection.poll():
                self._heard = time.monotonic()
                self._take(self.connection.recv())
        except (EOFError, ConnectionError):
            self._end()
            return False
        return True

    def _take(self, message: object) -> None:
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
            case Failed():
                self.error, self.passing = message.reason, message.passing

    def _end(self) -> None:
        self.connection.close()
        self.process.join(_GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        if self._finished:
            self.error = None
        elif self.error is None:
            self.error, self.passing = _death(self.process.exitcode), True


class Workers:
    """Runs trainings in processes of their own; as a context manager, none outlives the block.

    Args:
        data: a folder made by ``share``.
        train: what each process calls; must be picklable, so a function of a module.
    """

    def __init__(self, data: Path, train: Train = train_for_real) -> None:
        self._data = data
        self._train = train
        self._workers: list[Worker] = []

    def start(self, job: TrainingJob, run: Run, progress: Progress | None = None) -> Worker:
        """Begin a training. ``run`` and ``progress`` stay here: the process reports to them by pipe."""
        worker = Worker(job, run, progress or Silent(), self._train, self._data)
        self._workers.append(worker)
        return worker

    def wait(self, seconds: float) -> list[Worker]:
        """Pass on what trainings say, for at most ``seconds`` or until one ends; gives those that ended.

        What ``run`` or ``progress`` raise comes out here.
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

    def run(self, job: TrainingJob, run: Run, progress: Progress | None = None) -> Bundle:
        """One training from beginning to end.

        Raises:
            FmnistError: it ended without a checkpoint; says why.
        """
        worker = self.start(job, run, progress)
        while worker not in self.wait(_POLL):
            pass
        if worker.error:
            raise FmnistError(f"training {job.folder}: {worker.error}")
        return open_bundle(job.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process: asked first, killed after some seconds."""
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


def _death(code: int | None) -> str:
    if code is None or code >= 0:
        return f"its process ended with exit code {code} and said nothing"
    reason = f"its process was killed by signal {-code} ({signal.Signals(-code).name})"
    if -code == signal.SIGKILL:
        return f"{reason}; if nobody did that, memory ran out: use fewer --jobs"
    return reason
