"""Trials of an in-process master, and what a training does as far as its run sees it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from determined import _info
from determined.common.api import bindings

from fmnist.tracking.base import Decision, EpochReport, Run
from fmnist.training.determined.trial import open_trial
from fmnist.training.job import ClusterTrial
from tests.support.bundles import make_bundle
from tests.support.determined import task
from tests.support.determined.records import Experiment
from tests.support.determined.records import Trial as Record
from tests.support.determined.server import Master

STEPS = 10
SINGLE = {"name": "single", "metric": "accuracy", "smaller_is_better": False}
ASHA = {
    "name": "adaptive_asha",
    "metric": "accuracy",
    "smaller_is_better": False,
    "time_metric": "epochs",
    "max_time": 4,
    "max_trials": 8,
}


def schedule(master: Master, searcher: Mapping[str, Any], **data: Any) -> Record:
    """A managed experiment with one trial."""
    records = master.records
    config = {
        "name": "fmnist-const",
        "searcher": dict(searcher),
        "data": data,
        "checkpoint_storage": {"type": "directory", "container_path": str(master.storage)},
    }
    experiment = Experiment(
        len(records.experiments) + 1, config, "", unmanaged=False, state=bindings.experimentv1State.RUNNING
    )
    records.experiments[experiment.id] = experiment
    trial = Record(len(records.trials) + 1, experiment, {"width": 8, "optimizer": {"name": "adamw"}})
    records.trials[trial.id] = trial
    return trial


@contextmanager
def running(master: Master, record: Record, patch: pytest.MonkeyPatch) -> Iterator[ClusterTrial]:
    """The trial's next container, as this process."""
    allocation = task.allocate(master, record)
    for name, value in task.environment(allocation).items():
        patch.setenv(name, value)
    patch.setattr(_info, "_info", None)
    task.become(allocation)
    with open_trial() as trial:
        yield trial


def report(epoch: int, epochs: int, accuracy: float = 0.5) -> EpochReport:
    """What an epoch of ``STEPS`` steps gave."""
    return EpochReport(
        epoch=epoch,
        epochs=epochs,
        steps=STEPS * epoch,
        training={"loss": 1 / epoch, "accuracy": accuracy, "images_per_second": 100.0},
        validation={"loss": 2 / epoch, "accuracy": accuracy},
        pictures={"confusion_matrix": b"\x89PNG\r\n\x1a\n0000IHDR" + bytes(8)},
    )


def keep(state: Path, epoch: int) -> None:
    """What a training keeps before its run hears of the epoch."""
    (state / "job.json").write_text('{"job": {"number of threads": "3"}}')
    (state / f"epoch-{epoch:06}.state").write_bytes(b"state %d" % epoch)


def train(
    run: Run, state: Path, folder: Path, accuracies: list[float], done: int = 0
) -> tuple[list[int], Decision]:
    """Epochs ``done + 1`` on, after reporting those before again; leaves a bundle. Returns those trained."""
    run.start({"data_commit": "c0ffee", "optimizer.name": "adamw", "parent": None})
    epochs, trained = len(accuracies), []
    decision = Decision.CONTINUE
    for epoch in range(1, epochs + 1):
        if epoch > done:
            keep(state, epoch)
            trained.append(epoch)
        decision = run.report(report(epoch, epochs, accuracies[epoch - 1]))
        if decision is Decision.STOP:
            break
    run.finish(make_bundle(folder).folder)
    return trained, decision
