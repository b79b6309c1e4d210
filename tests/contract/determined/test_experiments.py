"""Experiments at a master: submitted once, waited for, and their best checkpoint fetched."""

import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from determined.common.api import bindings
from determined.common.experimental.determined import Determined

from fmnist.clients import determined as client
from fmnist.clients.determined import log_in
from fmnist.core.bundle import Bundle
from fmnist.data.base import Commit
from fmnist.errors import (
    ConfigError,
    FmnistError,
    InputError,
    IntegrityError,
    NotFoundError,
    TimedOut,
    TrainingFailed,
    UnavailableError,
)
from fmnist.experiments import read_configuration
from fmnist.experiments.determined.checkpoint import checkpoint_metadata
from fmnist.experiments.determined.experiments import DeterminedExperiments
from fmnist.experiments.submission import Submission
from fmnist.settings import PROJECT, DeterminedLogin
from tests.support.bundles import make_bundle
from tests.support.determined.records import Checkpoint, Trial
from tests.support.determined.routes import PASSWORD, USER
from tests.support.determined.server import Fault, Master
from tests.support.determined.trials import SINGLE, schedule

State = bindings.experimentv1State


@pytest.fixture
def experiments(master: Master) -> DeterminedExperiments:
    return DeterminedExperiments(DeterminedLogin(master.url, USER, PASSWORD), poll_seconds=0.05)


def submission(folder: Path = PROJECT, file: str = "adaptive.yaml", **changes: Any) -> Submission:
    document = {**read_configuration(PROJECT / file), **changes}
    commit = Commit("fmnist-train-raw", "c0ffee", None, datetime.now(UTC), "", ())
    return Submission(document["name"], document, folder, commit, "beef")


def checkpoint(master: Master, trial: Trial, bundle: Bundle, steps: int, accuracy: float | None) -> str:
    """A checkpoint of the trial with the bundle in it."""
    name = str(uuid.uuid4())
    folder = master.storage / name / "bundle"
    folder.parent.mkdir(parents=True)
    bundle.folder.rename(folder)
    files = {f"bundle/{path.name}": str(path.stat().st_size) for path in folder.iterdir()}
    made = Checkpoint(
        name, trial, checkpoint_metadata(bundle, steps), files, bindings.checkpointv1State.COMPLETED
    )
    master.records.checkpoints[name] = made
    if accuracy is not None:
        trial.metrics.append(("validation", steps, {"accuracy": accuracy, "epochs": 1}))
    return name


def test_the_whole_context_goes_along_and_nothing_else(
    master: Master, experiments: DeterminedExperiments
) -> None:
    made = experiments.create(submission(), once=False)
    own = master.records.experiments[made.id]
    assert own.state is State.ACTIVE
    assert own.files == made.files > 100
    assert 100_000 < made.bytes < 5_000_000
    assert own.config["labels"][:2] == ["fashion-mnist", "asha"]
    assert made.url.endswith(f"/det/experiments/{made.id}/overview")


def test_once_is_once_for_equal_data_code_and_file(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    first = experiments.create(submission(tmp_path), once=True)
    again = experiments.create(submission(tmp_path), once=True)
    assert (again.id, again.is_new) == (first.id, False)
    assert experiments.create(submission(tmp_path, max_restarts=3), once=True).is_new
    master.records.experiments[first.id].state = State.ERROR
    assert experiments.create(submission(tmp_path), once=True).is_new


def test_of_two_who_submit_at_once_one_steps_back(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    master.faults.append(Fault("GET /api/v1/experiments$", seconds=0.5, times=2))
    made = []
    other = DeterminedExperiments(DeterminedLogin(master.url, USER, PASSWORD))
    threads = [
        threading.Thread(
            target=lambda own: made.append(own.create(submission(tmp_path), once=True)), args=[own]
        )
        for own in (experiments, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {found.id for found in made} == {1}
    assert sorted(found.is_new for found in made) == [False, True]
    alive = [own.id for own in master.records.experiments.values() if own.state is State.ACTIVE]
    assert alive == [1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"searcher": {"name": "adaptive_asha", "metric": "accuracy", "max_time": 4}},
            "requires `max_time` and `time_metric` to be set",
        ),
        ({"entrypoint": None}, "managed experiments require entrypoint"),
        ({"searcher": {"name": "single"}}, "metric is a required property"),
    ],
)
def test_the_masters_refusal_is_told_in_its_words(
    experiments: DeterminedExperiments, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        experiments.create(submission(tmp_path, **changes), once=False)
    with pytest.raises(InputError, match=message):
        experiments.validate(submission(tmp_path, **changes))


def test_a_valid_configuration_is_checked_without_being_created(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    experiments.validate(submission(tmp_path))
    assert master.records.experiments == {}


def test_a_folder_that_is_too_large_is_refused(
    experiments: DeterminedExperiments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large").write_bytes(bytes(1000))
    monkeypatch.setattr("determined.common.context._Builder.__init__", _builder_of(500))
    with pytest.raises(InputError, match="exceeds"):
        experiments.create(submission(tmp_path), once=False)


def _builder_of(limit: int) -> Any:
    def make(self: Any, _: int) -> None:
        self.limit, self.size, self.items, self.msg = limit, 0, [], ""

    return make


def test_a_completed_experiment_names_its_best_checkpoint(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    trial = schedule(master, SINGLE)
    checkpoint(master, trial, make_bundle(tmp_path / "a"), 10, 0.8)
    best = checkpoint(master, trial, make_bundle(tmp_path / "b", seed=1), 20, 0.9)
    checkpoint(master, trial, make_bundle(tmp_path / "c", seed=2), 30, None)
    said: list[str] = []
    ended = threading.Timer(0.3, lambda: setattr(trial.experiment, "state", State.COMPLETED))
    ended.start()
    outcome = experiments.wait(1, 20, said.append)
    assert (outcome.checkpoint, outcome.metric, outcome.trials, outcome.wanted) == (best, 0.9, 1, 1)
    assert said == ["Experiment 1: running, 0%, 1 trials", "Experiment 1: completed, 0%, 1 trials"]
    with experiments.best(1) as bundle:
        assert bundle.metadata.hyperparameters == {"seed": 1}
    assert not bundle.folder.exists()
    with experiments.bundle(best) as bundle:
        assert bundle.metadata.hyperparameters == {"seed": 1}


def test_a_checkpoint_tells_determineds_users_its_data_commit(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    document = read_configuration(PROJECT / "const.yaml")
    document["integrations"]["pachyderm"]["dataset"]["commit"] = "c0ffee"
    made = experiments.create(submission(tmp_path, **document), once=False)
    trial = Trial(1, master.records.experiments[made.id], {})
    master.records.trials[trial.id] = trial
    name = checkpoint(master, trial, make_bundle(tmp_path / "a"), 10, 0.8)
    client = Determined(master.url, USER, PASSWORD)
    assert client.get_checkpoint(name).get_pachyderm_commit() == "c0ffee"


@pytest.mark.parametrize("state", [State.CANCELED, State.ERROR, State.DELETED])
def test_an_experiment_that_did_not_complete_is_a_failure(
    master: Master, experiments: DeterminedExperiments, state: bindings.experimentv1State
) -> None:
    schedule(master, SINGLE).experiment.state = state
    with pytest.raises(TrainingFailed, match=f"ended as {state.name.lower()}; .*det experiment logs 1"):
        experiments.wait(1, 20, lambda _: None)


def test_an_experiment_without_a_checkpoint_is_a_failure(
    master: Master, experiments: DeterminedExperiments
) -> None:
    schedule(master, SINGLE).experiment.state = State.COMPLETED
    with pytest.raises(TrainingFailed, match="has no checkpoint with a metric, though it completed"):
        experiments.wait(1, 20, lambda _: None)
    with pytest.raises(NotFoundError, match="no checkpoint with a metric"), experiments.best(1):
        pass


def test_waiting_has_an_end(master: Master, experiments: DeterminedExperiments) -> None:
    schedule(master, SINGLE)
    with pytest.raises(TimedOut, match="experiment 1: not over after 0 s, but running"):
        experiments.wait(1, 0.2, lambda _: None)
    with pytest.raises(NotFoundError, match="experiment '7' not found"):
        experiments.wait(7, 1, lambda _: None)


def test_a_master_that_is_away_for_a_while_is_waited_for(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    trial = schedule(master, SINGLE)
    checkpoint(master, trial, make_bundle(tmp_path / "a"), 10, 0.8)
    with pytest.raises(TimedOut):
        experiments.wait(1, 0.1, lambda _: None)
    master.faults.append(Fault("GET .*/experiments/1$", status=500, message="database is starting"))
    trial.experiment.state = State.COMPLETED
    said: list[str] = []
    assert experiments.wait(1, 30, said.append).metric == 0.8
    assert "the master is unavailable" in said[0]


def test_a_checkpoint_without_onnx_is_refused(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    name = checkpoint(master, schedule(master, SINGLE), make_bundle(tmp_path / "a"), 10, 0.8)
    del master.records.checkpoints[name].resources["bundle/model.onnx"]
    with pytest.raises(InputError, match=rf"{name}: holds no bundle/model\.onnx"), experiments.best(1):
        pass


def test_the_best_checkpoint_is_one_that_holds_a_bundle(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    trial = schedule(master, SINGLE)
    state = checkpoint(master, trial, make_bundle(tmp_path / "a"), 10, 0.9)
    master.records.checkpoints[state].resources = {"state/epoch-000001.state": "7"}
    checkpoint(master, trial, make_bundle(tmp_path / "b", seed=1), 20, 0.8)
    with experiments.best(1) as bundle:
        assert bundle.metadata.hyperparameters == {"seed": 1}
    with pytest.raises(InputError, match=r"holds no bundle/metadata\.json"), experiments.bundle(state):
        pass


def test_a_deleted_checkpoint_is_told(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    name = checkpoint(master, schedule(master, SINGLE), make_bundle(tmp_path / "a"), 10, 0.8)
    master.records.checkpoints[name].state = bindings.checkpointv1State.DELETED
    with pytest.raises(NotFoundError, match="was deleted"), experiments.bundle(name):
        pass
    with pytest.raises(NotFoundError, match="not found"), experiments.bundle(str(uuid.uuid4())):
        pass
    with pytest.raises(FmnistError, match="invalid input syntax for type uuid"), experiments.bundle("best"):
        pass


def through_the_master(trial: Trial) -> None:
    """The storage is not seen from here."""
    trial.experiment.config["checkpoint_storage"] = {"type": "shared_fs", "host_path": "/nowhere"}


def test_a_download_goes_through_the_master_where_the_storage_is_not_seen(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    trial = schedule(master, SINGLE)
    checkpoint(master, trial, make_bundle(tmp_path / "a"), 10, 0.8)
    through_the_master(trial)
    with experiments.best(1) as bundle:
        assert bundle.metadata.hyperparameters == {"seed": 0}


def test_a_cut_download_is_never_taken_for_a_bundle(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    trial = schedule(master, SINGLE)
    checkpoint(master, trial, make_bundle(tmp_path / "a"), 10, 0.8)
    through_the_master(trial)
    master.faults.append(Fault("GET /checkpoints/", cut=True, times=9))
    with pytest.raises(UnavailableError, match="cannot be downloaded"), experiments.best(1):
        pass


def test_damage_in_the_storage_is_named(
    master: Master, experiments: DeterminedExperiments, tmp_path: Path
) -> None:
    name = checkpoint(master, schedule(master, SINGLE), make_bundle(tmp_path / "a"), 10, 0.8)
    with (master.storage / name / "bundle" / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(IntegrityError, match=r"model\.onnx"), experiments.best(1):
        pass


def test_a_wrong_master_is_not_waited_for() -> None:
    said: list[str] = []
    with pytest.raises(UnavailableError, match="cannot be reached"):
        DeterminedExperiments(DeterminedLogin("http://127.0.0.1:9", "ada", "x")).wait(1, 3600, said.append)
    assert said == []


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"password": "wrong"}, ConfigError, r"invalid credentials.*check DET_USER and DET_PASS"),
        ({"master": "http://127.0.0.1:9"}, UnavailableError, "cannot be reached"),
        ({"master": "http://no-such-host.invalid"}, UnavailableError, "cannot be reached"),
        ({"master": "http://"}, ConfigError, "DET_MASTER=http://"),
    ],
)
def test_nobody_gets_in_who_cannot(
    master: Master,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str],
    kind: type[Exception],
    message: str,
) -> None:
    # As often as ever, without the seconds in between.
    monkeypatch.setattr(client, "_RETRIES", client._RETRIES.new(backoff_factor=0.01))
    login = DeterminedLogin(**{"master": master.url, "user": USER, "password": PASSWORD, **change})
    with pytest.raises(kind, match=message) as caught:
        log_in(login)
    assert PASSWORD not in str(caught.value)


def test_a_master_that_hangs_is_given_up(master: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_SECONDS", 0.2)
    master.faults.append(Fault("POST .*/login", seconds=1.0, times=5))
    with pytest.raises(TimedOut, match="no answer in time"):
        log_in(DeterminedLogin(master.url, USER, PASSWORD))


def test_an_answer_that_is_cut_is_no_answer(master: Master) -> None:
    master.faults.append(Fault("POST .*/login", cut=True, times=5))
    with pytest.raises(UnavailableError):
        log_in(DeterminedLogin(master.url, USER, PASSWORD))


def test_a_token_that_ended_is_told(master: Master, experiments: DeterminedExperiments) -> None:
    schedule(master, SINGLE)
    with pytest.raises(TimedOut):
        experiments.wait(1, 0.1, lambda _: None)
    master.records.tokens.clear()
    with pytest.raises(ConfigError, match="check DET_USER and DET_PASS"):
        experiments.wait(1, 5, lambda _: None)
