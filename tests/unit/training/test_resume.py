"""The training loop killed between any two steps, with a stand-in for Keras (test_train has the real one)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmnist.core.dataset import Dataset
from fmnist.files import atomic as files
from fmnist.tracking.base import Decision, EpochReport
from fmnist.training import backend, checkpoint, epochs
from fmnist.training import reports as reporting
from fmnist.training import resume as state
from fmnist.training.epochs import EpochResult
from fmnist.training.job import TrainingJob
from fmnist.training.loop import train
from fmnist.training.progress import SilentTraining
from tests.unit.training.test_train import job_in

EPOCHS = 4


class Killed(BaseException):
    """Nothing in the program catches it: as after kill -9, what is on disk is all that is left."""


class Fuse:
    """Kills at the given step; steps are counted over a process's life."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.epochs = 0

    def step(self) -> None:
        if self.left == 0:
            raise Killed
        if self.left is not None:
            self.left -= 1


class Arithmetic:
    """Each epoch's weights depend on all that came before and on the optimizer."""

    fuse: Fuse

    def __init__(self, *_: Any, **__: Any) -> None:
        self.model = SimpleNamespace(weights=np.array([1.0]), momentum=np.array([0.5]))

    def variables(self) -> Any:
        return (self.model.weights,), (self.model.momentum,)

    def restore(self, weights: Any, optimizer: Any) -> None:
        (self.model.weights,), (self.model.momentum,) = weights, optimizer

    def run_epoch(self, number: int, dataset: Dataset, on_step: Any) -> EpochResult:
        self.fuse.step()
        self.model.momentum = self.model.momentum * 0.9 + np.sin(number * self.model.weights)
        self.model.weights = self.model.weights - 0.1 * self.model.momentum
        self.fuse.epochs += 1
        return EpochResult(1.0, 0.5, 0.1, 100.0, 10 * number, None)

    def predict(self, images: Any) -> Any:
        self.fuse.step()
        probabilities = np.full((len(images), 10), 0.05, np.float32)
        probabilities[:, 0] = 0.5 + 0.05 * np.tanh(self.model.weights[0])
        return probabilities


class KeepsOnce:
    """A run as the port asks for one: an epoch that is told again must be the same, and is kept once."""

    id = "run"

    def __init__(self, fuse: Fuse, stop_after: int) -> None:
        self._fuse = fuse
        self._stop_after = stop_after
        self.reports: dict[int, EpochReport] = {}
        self.bundle: Path | None = None

    def start(self, parameters: Mapping[str, Any]) -> None:
        self._fuse.step()

    def report(self, report: EpochReport) -> Decision:
        self._fuse.step()
        assert report.epoch <= len(self.reports) + 1
        assert self.reports.setdefault(report.epoch, report) == report
        self._fuse.step()
        return Decision.STOP if report.epoch == self._stop_after else Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        self._fuse.step()
        self.bundle = bundle


class Told(SilentTraining):
    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse
        self.notes: list[str] = []

    def reported(self, report: EpochReport) -> None:
        self._fuse.step()

    def noted(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(autouse=True)
def fuse(monkeypatch: pytest.MonkeyPatch) -> Fuse:
    fuse = Fuse()
    Arithmetic.fuse = fuse

    def written(path: Path, content: bytes | str) -> None:
        fuse.step()
        files.write_atomically(path, content)
        fuse.step()

    def bundled(model: Any, job: TrainingJob, **_: Any) -> Any:
        fuse.step()
        with files.folder_written_atomically(job.folder) as beside:
            (beside / "weights").write_bytes(model.weights.tobytes())
            fuse.step()
        fuse.step()
        return SimpleNamespace(folder=job.folder)

    monkeypatch.setattr(backend, "prepare", lambda threads: None)
    monkeypatch.setattr(epochs, "Trainer", Arithmetic)
    monkeypatch.setattr(checkpoint, "write_bundle", bundled)
    monkeypatch.setattr(state, "write_atomically", written)
    monkeypatch.setattr(reporting, "confusion_matrix", lambda matrix, title: title.encode())
    monkeypatch.setattr(reporting, "worst_errors", lambda dataset, probabilities: b"none")
    return fuse


def images() -> Dataset:
    random = np.random.default_rng(0)
    return Dataset(random.integers(0, 256, (40, 28, 28), np.uint8), np.zeros(40, np.uint8))


def job(folder: Path) -> TrainingJob:
    made = job_in(folder)
    values = made.hyperparameters.model_copy(update={"epochs": EPOCHS})
    return replace(made, hyperparameters=values, state=folder / "state")


@dataclass(frozen=True)
class Ended:
    weights: bytes
    reports: dict[int, EpochReport]
    bundle: Path | None
    kills: int
    epochs: int


def ended(folder: Path, fuse: Fuse, kills: Sequence[int] = (), stop_after: int = EPOCHS) -> Ended:
    """A training killed after so many steps of each process, then left in peace."""
    run = KeepsOnce(fuse, stop_after)
    killed = fuse.epochs = 0
    for steps in (*kills, None):
        fuse.left = steps
        try:
            train(job(folder), images(), run, Told(fuse))
        except Killed:
            killed += 1
    assert [path.name for path in folder.glob("*checkpoint*")] == ["checkpoint"]
    weights = (folder / "checkpoint" / "weights").read_bytes()
    return Ended(weights, run.reports, run.bundle, killed, fuse.epochs)


@pytest.mark.parametrize("stop_after", [3, EPOCHS])
def test_killed_at_any_one_step_it_ends_as_if_it_had_not_been(
    tmp_path: Path, fuse: Fuse, stop_after: int
) -> None:
    in_peace = ended(tmp_path / "peace", fuse, stop_after=stop_after)
    assert list(in_peace.reports) == list(range(1, stop_after + 1))
    for steps in range(1000):
        killed = ended(tmp_path / f"killed-{steps}", fuse, [steps], stop_after)
        assert killed.epochs - killed.kills <= stop_after
        assert replace(killed, kills=0, epochs=0, bundle=None) == replace(
            in_peace, kills=0, epochs=0, bundle=None
        )
        assert killed.bundle
        if not killed.kills:
            break
    assert steps > 8 * stop_after


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.integers(0, 40), max_size=8))
def test_killed_often_it_ends_as_if_it_had_not_been(
    tmp_path_factory: pytest.TempPathFactory, fuse: Fuse, kills: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("often")
    in_peace, killed = ended(folder / "peace", fuse), ended(folder / "killed", fuse, kills)
    assert (killed.weights, killed.reports) == (in_peace.weights, in_peace.reports)


def test_going_on_is_said_and_a_damaged_state_costs_one_epoch(tmp_path: Path, fuse: Fuse) -> None:
    in_peace = ended(tmp_path / "peace", fuse)
    run = KeepsOnce(fuse, EPOCHS)
    fuse.left = 21
    with pytest.raises(Killed):
        train(job(tmp_path), images(), run, Told(fuse))
    newest = max((tmp_path / "state").glob("*.state"))
    epoch = int(newest.stem.removeprefix("epoch-"))
    newest.write_bytes(newest.read_bytes()[:-1])
    fuse.left, told = None, Told(fuse)
    train(job(tmp_path), images(), run, told)
    assert "damaged" in told.notes[0]
    assert told.notes[1] == f"resuming after epoch {epoch - 1} of {EPOCHS}, where an earlier process ended"
    assert (tmp_path / "checkpoint" / "weights").read_bytes() == in_peace.weights
