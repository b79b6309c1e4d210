"""What a training spends on telling Determined of it, against the local run: MLflow on SQLite.

The demo's network on the official training data, some times under each of the two, in turn, so that a
machine that changes its pace meets both. Each training's first epoch is left out: it also traces the
graph. Two figures: whole epochs against each other, whose noise is about 10 % on a shared machine; and
the seconds within the run's own `report`, the only place where the two differ, which is the reliable one.

Without DET_MASTER it is a managed trial at the tests' own master, in a process of its own: a checkpoint,
event files and the question for the searcher's answer in each epoch. With DET_MASTER it is an unmanaged
trial there, which asks as often but leaves one checkpoint at its end.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from determined import _info
from determined.common.api import bindings

from bench.networks import MODERN
from fmnist.clients.determined import log_in
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import TRAIN
from fmnist.core.machine import usable_cores
from fmnist.core.provenance import DataReference
from fmnist.data.commits import load
from fmnist.data.fetch import fetch
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.settings import from_environment
from fmnist.tracking.base import Decision, EpochReport, Run
from fmnist.training.job import TrainingJob
from fmnist.training.loop import train
from fmnist.wiring import data_store, open_run, open_trial
from tests.support.determined import task
from tests.support.determined.apart import serving_apart

ROUNDS = 2
EPOCHS = 4
AIM = 3.0
Opened = AbstractContextManager[tuple[Run, Path]]
"""A run, and the folder where the training keeps each epoch's end."""


@dataclass
class Timed:
    """A run that remembers how long each epoch took, and how much of it was spent in its report."""

    run: Run
    epochs: list[float] = field(default_factory=list)
    reports: list[float] = field(default_factory=list)
    once: float = 0.0
    _last: float = 0.0

    @property
    def id(self) -> str:
        return self.run.id

    def start(self, parameters: Mapping[str, Any]) -> None:
        begun = time.perf_counter()
        self.run.start(parameters)
        self._last = time.perf_counter()
        self.once += self._last - begun

    def report(self, report: EpochReport) -> Decision:
        begun = time.perf_counter()
        decision = self.run.report(report)
        now = time.perf_counter()
        self.epochs.append(now - self._last)
        self.reports.append(now - begun)
        self._last = now
        return decision

    def finish(self, bundle: Path) -> None:
        begun = time.perf_counter()
        self.run.finish(bundle)
        self.once += time.perf_counter() - begun


@contextlib.contextmanager
def local(folder: Path) -> Iterator[tuple[Run, Path]]:
    """The run that `fmnist train` has by itself."""
    settings = from_environment({"FMNIST_HOME": str(folder / "home")})
    with open_run(settings, "bench") as run, tempfile.TemporaryDirectory(dir=folder) as state:
        yield run, Path(state)


@contextlib.contextmanager
def unmanaged(folder: Path) -> Iterator[tuple[Run, Path]]:
    """The run that `fmnist train` has with DET_MASTER."""
    place = {"FMNIST_TRACKER": "determined", "FMNIST_CHECKPOINT_STORAGE": str(folder / "storage")}
    settings = from_environment({**os.environ, **place})
    with open_run(settings, "bench") as run, tempfile.TemporaryDirectory(dir=folder) as state:
        yield run, Path(state)


@contextlib.contextmanager
def managed(trial: task.Task) -> Iterator[tuple[Run, Path]]:
    """The run of a trial that the master started."""
    with patch.dict(os.environ, task.environment(trial)), patch.object(_info, "_info", None):
        task.become(trial)
        with open_trial() as opened:
            yield opened.run, opened.state


@contextlib.contextmanager
def at_determined(folder: Path) -> Iterator[Callable[[], Opened]]:
    """What opens a run at the master; says which one it is."""
    login = from_environment().determined
    if login:
        version = bindings.get_GetMaster(log_in(login)).version
        print(f"an unmanaged trial at {login.master}, Determined {version}")
        yield lambda: unmanaged(folder)
        return
    print("DET_MASTER is not set: a managed trial at the tests' own master, in a process of its own")
    with serving_apart(folder / "storage") as next_trial:
        yield lambda: managed(next_trial())


def measured(opened: Opened, epochs: int, training: Dataset) -> Timed:
    """One training under the run."""
    with opened as (run, state), tempfile.TemporaryDirectory() as folder:
        timed = Timed(run)
        job = TrainingJob(
            experiment="bench",
            hyperparameters=Hyperparameters.read({**MODERN, "epochs": epochs}),
            train_data=DataReference(TRAIN.repo, "bench", "official", {}),
            folder=Path(folder) / "checkpoint",
            seed=1,
            threads=usable_cores(),
            git_commit="bench",
            state=state,
        )
        train(job, training, timed)
    return timed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="a minute, whose figure means nothing")
    options = parser.parse_args()
    rounds, epochs, images = (1, 2, 2000) if options.quick else (options.rounds, EPOCHS, None)
    settings = from_environment()
    store = data_store(settings)
    commit, _ = fetch(settings, store, print)
    whole = load(store, commit)
    training = Dataset(whole.images[:images], whole.labels[:images])
    print(f"{len(training):,} images; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    walls: dict[str, list[float]] = {"mlflow": [], "determined": []}
    inside: dict[str, list[float]] = {"mlflow": [], "determined": []}
    with tempfile.TemporaryDirectory() as folder, at_determined(Path(folder)) as opened:
        print("round  run         s/epoch  of these in report()  once, at begin and end")
        for number in range(1, rounds + 1):
            for name in walls:
                run = measured(local(Path(folder)) if name == "mlflow" else opened(), epochs, training)
                walls[name] += run.epochs[1:]
                inside[name] += run.reports[1:]
                print(
                    f"{number:5}  {name:10}  {statistics.median(run.epochs[1:]):7.2f}  "
                    f"{statistics.median(run.reports[1:]):20.3f}  {run.once:22.2f}",
                    flush=True,
                )
    wall = {name: statistics.median(seconds) for name, seconds in walls.items()}
    spent = {name: statistics.median(seconds) for name, seconds in inside.items()}
    # The quicker one is nearer to a machine with nothing else to do.
    more = 100 * (spent["determined"] - spent["mlflow"]) / min(wall.values())
    print(
        f"Determined's run takes {spent['determined']:.3f} s of an epoch, MLflow's {spent['mlflow']:.3f} s: "
        f"{more:+.2f} % of an epoch (aim: {AIM:.0f} %); whole epochs {wall['determined']:.2f} s against "
        f"{wall['mlflow']:.2f} s, ratio {wall['determined'] / wall['mlflow']:.3f}, where 10 % are noise"
    )


if __name__ == "__main__":
    main()
