"""A whole search in a process of its own, to be killed: all is real but for Keras and the tracker.

python -m tests.support.killed_search HOME JOBS
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Dataset
from fmnist.core.provenance import DataReference
from fmnist.experiments import Experiment
from fmnist.files.atomic import folder_written_atomically
from fmnist.search.resources import Shares
from fmnist.search.runner import search
from fmnist.settings import Settings, from_environment
from fmnist.tracking.base import Decision, EpochReport, Run
from fmnist.training.fingerprint import fingerprint
from fmnist.training.job import TrainingJob
from fmnist.training.progress import SilentTraining, TrainingProgress
from fmnist.training.resume import StateFolder, TrainingState
from fmnist.training.workers import Workers, prepare, share
from tests.support.experiments import ASHA, RANDOM, experiment

EPOCHS = 4
SECONDS_PER_EPOCH = 0.05


def experiment_of(jobs: int) -> Experiment:
    """Only one adaptive trial at a time is decided by the trials alone, not by the clock."""
    adaptive = {**ASHA, "max_time": EPOCHS, "max_trials": 8, "divisor": 2, "mode": "aggressive"}
    made = experiment(adaptive if jobs == 1 else {**RANDOM, "max_trials": 6}, epochs=EPOCHS)
    return made.model_copy(update={"max_restarts": 100})


def trains(job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None) -> Bundle:
    """The loop of ``train``, over weights that depend on all that came before."""
    progress = progress or SilentTraining()
    assert job.state
    kept = StateFolder(job.state, fingerprint(job))
    state = kept.newest(progress.noted)
    weights = state.weights[0] if state else np.array([job.seed / 2**31])
    reports = state.reports if state else ()
    decision = Decision.CONTINUE
    run.start({})
    for report in reports:
        decision = run.report(report)
    while decision is Decision.CONTINUE and (epoch := len(reports) + 1) <= EPOCHS:
        time.sleep(SECONDS_PER_EPOCH)
        weights = np.sin(weights * 100 + epoch)
        validation = {"accuracy": float(abs(weights[0]))}
        reports = (*reports, EpochReport(epoch, EPOCHS, epoch, {}, validation, {}))
        kept.save(TrainingState((weights,), (), reports))
        decision = run.report(reports[-1])
    with folder_written_atomically(job.folder) as beside:
        (beside / "weights").write_bytes(weights.tobytes())
        time.sleep(SECONDS_PER_EPOCH)
    run.finish(job.folder)
    return None  # type: ignore[return-value]


class LoggedRun:
    """A run that is a file, a line per call; epochs that are there already are not written again."""

    def __init__(self, file: Path) -> None:
        self.id = file.stem
        self._file = file

    def start(self, parameters: Mapping[str, Any]) -> None:
        pass

    def report(self, report: EpochReport) -> Decision:
        line = f"{report.epoch} {report.validation['accuracy']!r}\n"
        if line not in self._file.read_text():
            with self._file.open("a") as stream:
                stream.write(line)
        return Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        pass


@contextmanager
def logged(folder: Path, name: str, job: str) -> Iterator[Run]:
    file = folder / f"{name}-{job}"
    folder.mkdir(exist_ok=True)
    file.touch()
    yield LoggedRun(file)


def settings_of(home: Path) -> Settings:
    return from_environment({"FMNIST_HOME": str(home)})


def main(home: Path, jobs: int) -> None:
    prepare(("tests.support.killed_search",))
    settings = settings_of(home)
    dataset = Dataset(np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8))
    data = DataReference("fmnist-train-raw", "0" * 40, "synthetic", {})
    with Workers(share(dataset, home / "arrays"), trains) as workers:
        search(
            experiment_of(jobs),
            data,
            settings,
            workers,
            lambda name, job, _: logged(home / "runs", name, job),
            Shares(jobs, 1),
        )
