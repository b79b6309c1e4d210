"""Trainings that take no time: their accuracy follows from the hyperparameters."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from fmnist.core.bundle import Bundle, open_bundle
from fmnist.core.dataset import Dataset
from fmnist.errors import Diverged
from fmnist.tracking.base import Decision, EpochReport, Run
from fmnist.training.job import TrainingJob
from fmnist.training.progress import TrainingProgress
from tests.support.bundles import make_bundle

IMAGES = 30


def accuracy(dropout: float, epoch: int) -> float:
    """Less dropout is better, more epochs are better."""
    return 0.9 - dropout - 0.1 / epoch


def trains(job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None) -> Bundle:
    assert len(dataset) == IMAGES
    assert not isinstance(dataset.images.base, bytes)
    run.start({"dropout": job.hyperparameters.dropout})
    for epoch in range(1, job.hyperparameters.epochs + 1):
        if progress:
            progress.stepped(epoch, job.hyperparameters.epochs, 1, 1)
        validation = {"accuracy": accuracy(job.hyperparameters.dropout, epoch)}
        report = EpochReport(epoch, job.hyperparameters.epochs, epoch, {}, validation, {})
        if run.report(report) is Decision.STOP:
            break
    make_bundle(job.folder, seed=epoch)
    (job.folder / "epochs").write_text(str(epoch))
    run.finish(job.folder)
    return open_bundle(job.folder)


def second_raises_third_is_killed(
    job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None
) -> Bundle:
    if job.folder.name == "trial-1":
        raise ValueError("no such luck")
    if job.folder.name == "trial-2":
        beside = job.folder.parent / ".trial-2.half_way"
        beside.mkdir(parents=True)
        (beside / "model.keras").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    return trains(job, dataset, run, progress)


def always_raises(
    job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None
) -> Bundle:
    raise ValueError("no such luck")


def diverges(
    job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None
) -> Bundle:
    raise Diverged(1, 2, "loss", float("nan"))


def hangs(job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None) -> Bundle:
    """Tells its process number in a file, then waits to be ended."""
    run.start({})
    job.folder.parent.mkdir(parents=True, exist_ok=True)
    (job.folder.parent / f"{job.folder.name}.pid").write_text(str(os.getpid()))
    time.sleep(120)
    raise AssertionError("was left running")


def images() -> Dataset:
    random = np.random.default_rng(0)
    return Dataset(
        random.integers(0, 256, (IMAGES, 28, 28), np.uint8), (np.arange(IMAGES) % 10).astype(np.uint8)
    )


def pids(folder: Path) -> list[int]:
    return [int(text) for path in folder.glob("*.pid") if (text := path.read_text())]


def second_dies(
    job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None
) -> Bundle:
    """The second trial is killed after its first epoch, once; its starts are counted in a file."""
    if job.folder.name != "trial-1" or _starts(job) > 1:
        return trains(job, dataset, run, progress)
    run.start({})
    run.report(EpochReport(1, 4, 1, {}, {"accuracy": accuracy(job.hyperparameters.dropout, 1)}, {}))
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("was not killed")


def second_always_dies(
    job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None
) -> Bundle:
    if job.folder.name != "trial-1":
        return trains(job, dataset, run, progress)
    _starts(job)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("was not killed")


def _starts(job: TrainingJob) -> int:
    """How often the trial was started, this time included."""
    counter = job.folder.parent / "starts"
    counter.parent.mkdir(parents=True, exist_ok=True)
    with counter.open("a") as starts:
        starts.write("x")
    return counter.stat().st_size
