"""A training as a trial: what the master hears, and how a trial stops, pauses and goes on."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from determined.common.api import bindings

from fmnist.clients import determined as client
from fmnist.errors import FmnistError, TimedOut
from fmnist.tracking.base import Decision
from fmnist.tracking.determined.run import DeterminedRun
from fmnist.training.job import ClusterTrial
from tests.support.determined.records import Trial as Record
from tests.support.determined.server import Fault, Master
from tests.support.determined.trials import ASHA, SINGLE, STEPS, keep, report, running, schedule, train

Container = Callable[[Record], AbstractContextManager[ClusterTrial]]


@pytest.fixture
def container(master: Master, monkeypatch: pytest.MonkeyPatch) -> Container:
    """Starts a trial's next container, as this process."""
    return lambda record: running(master, record, monkeypatch)


def test_the_master_hears_of_every_epoch(master: Master, tmp_path: Path, container: Container) -> None:
    record = schedule(master, SINGLE)
    with container(record) as trial:
        train(trial.run, trial.state, tmp_path / "bundle", [0.5, 0.6, 0.7])
    assert [steps for steps, _ in record.series("training")] == [10, 20, 30]
    assert record.series("validation")[1] == (20, {"loss": 1.0, "accuracy": 0.6, "epochs": 2})
    assert record.run_metadata == {"data_commit": "c0ffee", "optimizer": {"name": "adamw"}}
    assert record.progress == 1.0


def test_a_checkpoint_has_the_steps_of_its_validation(
    master: Master, tmp_path: Path, container: Container
) -> None:
    record = schedule(master, SINGLE)
    with container(record) as trial:
        train(trial.run, trial.state, tmp_path / "bundle", [0.5, 0.6, 0.7])
    kept = list(master.records.checkpoints.values())
    assert [own.steps for own in kept] == [10, 20, 30]
    assert [own.metadata["epochs"] for own in kept[:2]] == [1, 2]
    for number, own in enumerate(kept, 1):
        assert own.resources[f"state/epoch-{number:06}.state"] == "7"
    assert "bundle/model.onnx" in kept[-1].resources
    assert (master.storage / kept[-1].uuid / "bundle" / "model.onnx").is_file()
    assert "bundle/model.onnx" not in kept[0].resources


def test_a_trial_knows_what_the_cluster_says(master: Master, container: Container) -> None:
    record = schedule(master, SINGLE, git_commit="beef", train={"repo": "r", "commit": "c"})
    with container(record) as trial:
        assert trial.experiment == "fmnist-const"
        assert trial.hyperparameters == {"width": 8, "optimizer": {"name": "adamw"}}
        assert (trial.seed, trial.threads, trial.run.id) == (7, None, str(record.id))
        assert trial.data["train"] == {"repo": "r", "commit": "c"}
        assert trial.began.isoformat() == record.experiment.started
        assert trial.data["git_commit"] == "beef"


def test_event_files_arrive_in_the_checkpoint_storage(
    master: Master, tmp_path: Path, container: Container
) -> None:
    record = schedule(master, SINGLE)
    with container(record) as trial:
        train(trial.run, trial.state, tmp_path / "bundle", [0.5, 0.6])
    folder = master.storage / "cluster-1" / "tensorboard" / "experiment" / "1" / "trial" / "1"
    _wait_until(lambda: b"validation/accuracy" in b"".join(path.read_bytes() for path in _events(folder)))
    assert b"confusion_matrix" in b"".join(path.read_bytes() for path in _events(folder))


@pytest.mark.parametrize("delay", [0.0, 0.4])
def test_a_searchers_stop_reaches_the_trial_in_its_epoch(
    master: Master, delay: float, tmp_path: Path, container: Container
) -> None:
    master.storage_delay = delay
    record = schedule(master, ASHA, stop_below=0.6)
    with container(record) as trial:
        trained, decision = train(trial.run, trial.state, tmp_path / "bundle", [0.7, 0.5, 0.8, 0.9])
    assert (trained, decision) == ([1, 2], Decision.STOP)
    last = list(master.records.checkpoints.values())[-1]
    assert last.steps == 2 * STEPS
    assert "bundle/model.onnx" in last.resources


def test_the_searchers_stop_at_the_last_epoch_is_none(
    master: Master, tmp_path: Path, container: Container
) -> None:
    record = schedule(master, ASHA)
    with container(record) as trial:
        trained, decision = train(trial.run, trial.state, tmp_path / "bundle", [0.6, 0.7, 0.8, 0.9])
    assert record.state is bindings.trialv1State.STOPPING_COMPLETED
    assert (trained, decision) == ([1, 2, 3, 4], Decision.CONTINUE)


def test_a_paused_trial_goes_on_where_it_was(master: Master, tmp_path: Path, container: Container) -> None:
    record = schedule(master, SINGLE)
    accuracies = [0.5, 0.6, 0.7, 0.8]
    with container(record) as trial:
        master.records.preempted.add(f"{record.task}.1")
        _wait_until(lambda: trial.run._context.preempt.should_preempt(auto_ack=False))  # type: ignore[attr-defined]
        trained, decision = train(trial.run, trial.state, tmp_path / "first", accuracies)
    assert (trained, decision) == ([1], Decision.STOP)
    assert master.records.acknowledged == {f"{record.task}.1"}
    with container(record) as trial:
        assert trial.threads == 3
        assert (trial.state / "epoch-000001.state").read_bytes() == b"state 1"
        trained, _ = train(trial.run, trial.state, tmp_path / "second", accuracies, done=1)
    assert trained == [2, 3, 4]
    assert [steps for steps, _ in record.series("validation")] == [10, 20, 30, 40]


def test_a_killed_trial_loses_one_epoch_at_most_and_tells_none_twice(
    master: Master, tmp_path: Path, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = schedule(master, SINGLE)
    with container(record) as trial:
        trial.run.start({})
        keep(trial.state, 1)
        trial.run.report(report(1, 3))
        # Killed after the second epoch's figures are out and before its checkpoint is.
        keep(trial.state, 2)
        monkeypatch.setattr(DeterminedRun, "_keep_state", lambda *_: None)
        trial.run.report(report(2, 3))
        monkeypatch.undo()
    with container(record) as trial:
        trained, _ = train(trial.run, trial.state, tmp_path / "bundle", [0.5, 0.5, 0.5], done=1)
    assert trained == [2, 3]
    assert [steps for steps, _ in record.series("validation")] == [10, 20, 30]
    assert [own.steps for own in master.records.checkpoints.values()] == [10, 20, 30]


def test_a_trial_that_was_paused_after_its_last_epoch_only_finishes(
    master: Master, tmp_path: Path, container: Container
) -> None:
    record = schedule(master, SINGLE)
    with container(record) as trial:
        train(trial.run, trial.state, tmp_path / "first", [0.5, 0.6])
    with container(record) as trial:
        trained, _ = train(trial.run, trial.state, tmp_path / "second", [0.5, 0.6], done=2)
    assert trained == []
    assert len(record.series("validation")) == 2


def test_a_master_that_restarts_is_waited_for(master: Master, tmp_path: Path, container: Container) -> None:
    record = schedule(master, SINGLE)
    with container(record) as trial:
        trial.run.start({})
        keep(trial.state, 1)
        master.stop()
        back = threading.Timer(1.0, master.start)
        back.start()
        decision = trial.run.report(report(1, 2))
        back.join(10)
    assert decision is Decision.CONTINUE
    assert [steps for steps, _ in record.series("validation")] == [10]
    assert len(master.records.checkpoints) == 1


def test_a_lost_answer_is_asked_for_again(master: Master, tmp_path: Path, container: Container) -> None:
    record = schedule(master, SINGLE)
    with container(record) as trial:
        trial.run.start({})
        master.faults.append(Fault("POST .*/progress", lost=True))
        master.faults.append(Fault("GET .*/trials/1$", status=503))
        keep(trial.state, 1)
        assert trial.run.report(report(1, 2)) is Decision.CONTINUE
    assert record.progress == 0.5


def test_a_validation_that_is_refused_fails_the_trial(master: Master, container: Container) -> None:
    with container(schedule(master, SINGLE)) as trial:
        trial.run.start({})
        master.faults.append(Fault("POST .*/metrics", status=400, message="no such metric group", times=5))
        with pytest.raises(FmnistError, match="no such metric group"):
            trial.run.report(report(1, 2))


def test_a_validation_that_is_never_stored_is_told(
    master: Master, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmnist.tracking.determined.run._STORED_SECONDS", 0.2)
    master.storage_delay = 1
    with container(schedule(master, SINGLE)) as trial:
        trial.run.start({})
        with pytest.raises(TimedOut, match="has not stored the validation after step 10"):
            trial.run.report(report(1, 2))


def test_a_master_that_hangs_ends_no_later_than_its_deadline(
    master: Master, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_SECONDS", 0.3)
    monkeypatch.setattr(client, "_TRIES", 1)
    with container(schedule(master, SINGLE)) as trial:
        master.faults.append(Fault("POST .*/metadata", seconds=1.0, times=2))
        with pytest.raises(TimedOut, match="no answer in time"):
            trial.run.start({})


def _events(folder: Path) -> Iterator[Path]:
    return folder.rglob("events.out.tfevents.*")


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
