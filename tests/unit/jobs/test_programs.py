"""The programs that pipelines run, against a pachd and a master of the tests' own."""

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import pytest
from determined.common.api import bindings
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

from fmnist import settings
from fmnist import wiring as engines
from fmnist.clients import determined as client
from fmnist.core.bundle import Bundle, open_bundle, write_metadata
from fmnist.core.fashion_mnist import MODEL_NAME, TEST, TRAIN
from fmnist.core.provenance import DataReference
from fmnist.data.pachyderm.store import PachydermStore
from fmnist.data.quality import Validation
from fmnist.errors import (
    DataError,
    IntegrityError,
    NotFoundError,
    TimedOut,
    TrainingFailed,
    UnavailableError,
)
from fmnist.experiments.determined.checkpoint import FOLDER, checkpoint_metadata
from fmnist.experiments.determined.experiments import DeterminedExperiments
from fmnist.jobs.retrain import retrain
from fmnist.jobs.start_search import start_search
from fmnist.jobs.validate_data import validate_data
from fmnist.settings import Settings
from tests.support.bundles import make_bundle
from tests.support.determined.records import Checkpoint, Experiment, Trial
from tests.support.determined.server import Master
from tests.support.determined.server import serving as serving_master
from tests.support.drawing import some_data
from tests.support.pachd.server import PachdServer
from tests.support.pachd.server import serving as serving_pachd
from tests.unit.jobs.data import put, put_both, store_on

VALIDATE = "fmnist-validate"
_State = bindings.experimentv1State

EXPERIMENT = """
name: fmnist-tiny
entrypoint: python3 -m fmnist.jobs.train
hyperparameters: {network: modern, epochs: 1, batch_size: SIZE, val_size: 0.1}
searcher: {name: single, metric: accuracy, smaller_is_better: false}
reproducibility: {experiment_seed: 1}
"""


@dataclass
class Cluster:
    """Both servers, what a job finds in its environment, and a place for its results."""

    pachd: PachdServer
    master: Master
    store: PachydermStore
    folder: Path

    @property
    def own(self) -> Settings:
        return settings.from_environment()

    @property
    def experiments(self) -> list[Experiment]:
        """Those that were asked for; the registry makes others of its own."""
        return [own for own in self.master.records.experiments.values() if not own.unmanaged]

    def validated(self, train: str) -> str:
        """Run fmnist-validate's program on the commit; the id of what its job leaves."""
        out = self.folder / f"validated-{uuid.uuid4().hex}"
        run(validate_data, "--commit", train, "--out", str(out))
        files = {path.name: path.read_bytes() for path in out.iterdir()}
        made = self.pachd.pps.outputs(VALIDATE, files, (self.pachd.state.commit(TRAIN.repo, train),))
        (self.folder / made.id).mkdir()
        for name, content in files.items():
            (self.folder / made.id / name).write_bytes(content)
        return made.id

    def start_search(self, validated: str, *more: str) -> dict[str, Any]:
        """Run fmnist-train's program on that; what it leaves."""
        folder = str(self.folder / validated)
        return self._result(start_search, "--commit", validated, "--input", folder, *more)

    def retrain(self, *more: str) -> dict[str, Any]:
        return self._result(retrain, *more)

    def experiment(self, batch_size: int) -> Path:
        """An experiment file beside code."""
        storage = f"checkpoint_storage: {{type: directory, container_path: {self.master.storage}}}\n"
        code = self.folder / f"code-{batch_size}"
        code.mkdir(exist_ok=True)
        (code / "experiment.yaml").write_text(EXPERIMENT.replace("SIZE", str(batch_size)) + storage)
        return code / "experiment.yaml"

    def _result(self, command: click.Command, *more: str) -> dict[str, Any]:
        file = self.experiment(batch_size=8)
        out = self.folder / f"out-{uuid.uuid4().hex}"
        run(command, "--experiment", str(file), "--out", str(out), *more)
        (left,) = out.iterdir()
        found: dict[str, Any] = json.loads(left.read_text())
        return found


def run(command: click.Command, *arguments: str) -> None:
    with threadpool_limits(1):
        command.main(list(arguments), standalone_mode=False)


def finish(cluster: Cluster, own: Experiment, state: bindings.experimentv1State) -> None:
    """As if the experiment had run; a completed one has a trial that left its bundle in the storage."""
    if state is _State.COMPLETED:
        records, name = cluster.master.records, str(uuid.uuid4())
        trial = Trial(1000 + own.id, own, {})
        bundle = _bundle(cluster, own, trial, cluster.master.storage / name / FOLDER)
        trial.metrics.append(("validation", 1, {"accuracy": 0.9, "epochs": 1}))
        resources = {f"{FOLDER}/{path.name}": "1" for path in bundle.folder.iterdir()}
        records.trials[trial.id] = trial
        records.checkpoints[name] = Checkpoint(
            name, trial, checkpoint_metadata(bundle, 1), resources, bindings.checkpointv1State.COMPLETED
        )
    own.state = state


def _bundle(cluster: Cluster, own: Experiment, trial: Trial, folder: Path) -> Bundle:
    """What the trial trained: it names the data that the experiment says."""
    bundle = make_bundle(folder, seed=own.id)
    place = own.config["data"]["train"]
    commit = cluster.store.get(place["repo"], place["commit"])
    sums = {file.name: file.sha256 for file in commit.files}
    data = DataReference(commit.repo, commit.id, commit.origin, sums)
    provenance = replace(bundle.metadata.provenance, train_data=data, run=str(trial.id))
    write_metadata(folder, replace(bundle.metadata, provenance=provenance))
    return open_bundle(folder)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    storage = tmp_path / "storage"
    storage.mkdir()
    with serving_pachd() as pachd, serving_master(storage) as master:
        monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("FMNIST_CHECKPOINT_STORAGE", str(storage))
        monkeypatch.setenv("PACHD_ADDRESS", pachd.address)
        monkeypatch.delenv("FMNIST_DATA_STORE", raising=False)
        for name, value in master.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(
            engines, "experiments", lambda own: DeterminedExperiments(own.determined, poll_seconds=0.05)
        )
        yield Cluster(pachd, master, store_on(pachd, tmp_path), tmp_path)


@pytest.fixture
def trainer(cluster: Cluster) -> Iterator[Callable[..., None]]:
    """Ends each experiment that is asked for, as soon as it is: completed unless told otherwise."""
    stopped, ends = threading.Event(), [_State.COMPLETED]

    def work() -> None:
        while not stopped.wait(0.02):
            for own in cluster.experiments:
                if own.state in (_State.ACTIVE, _State.QUEUED, _State.RUNNING):
                    finish(cluster, own, ends[0])

    def end_as(state: bindings.experimentv1State) -> None:
        ends[0] = state

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield end_as
    stopped.set()
    thread.join(10)


def test_a_commit_becomes_a_model_version_that_names_it(cluster: Cluster, trainer: object) -> None:
    train = put_both(cluster.store, cluster.folder)
    trained = cluster.start_search(cluster.validated(train.id))
    (experiment,) = cluster.experiments
    data = experiment.config["data"]
    assert data["train"] == {"repo": TRAIN.repo, "commit": train.id}
    assert data["test"] == {"repo": TEST.repo, "commit": cluster.store.get(TEST.repo).id}
    assert (trained["commit"], trained["experiment"], trained["version"]) == (train.id, experiment.id, 1)
    assert trained["accuracy"] == 0.9
    version = engines.model_registry(cluster.own).get(MODEL_NAME)
    assert (version.number, version.metadata.provenance.train_data.commit) == (1, train.id)


def test_asked_twice_it_is_trained_once(cluster: Cluster, trainer: object) -> None:
    validated = cluster.validated(put_both(cluster.store, cluster.folder).id)
    first, second = cluster.start_search(validated), cluster.start_search(validated)
    assert first == second
    assert len(cluster.experiments) == 1
    assert [version.number for version in engines.model_registry(cluster.own).versions(MODEL_NAME)] == [1]


def test_other_code_and_newer_test_images_do_not_train_again(cluster: Cluster, trainer: object) -> None:
    train = put_both(cluster.store, cluster.folder)
    cluster.start_search(cluster.validated(train.id))
    put(cluster.store, cluster.folder, TEST, some_data(60, seed=7))
    cluster.start_search(cluster.validated(train.id), "--experiment", str(cluster.experiment(batch_size=16)))
    assert len(cluster.experiments) == 1


def test_two_that_ask_at_the_same_moment_train_once(cluster: Cluster, trainer: object) -> None:
    validated = cluster.validated(put_both(cluster.store, cluster.folder).id)
    found: list[dict[str, Any]] = []
    askers = [
        threading.Thread(target=lambda: found.append(cluster.start_search(validated))) for _ in range(2)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    first, *later = [own.id for own in cluster.experiments]
    assert [one["experiment"] for one in found] == [first, first]
    assert all(f"POST /api/v1/experiments/{number}/kill" in cluster.master.requests for number in later)


def test_a_search_that_failed_may_be_started_again(cluster: Cluster, trainer: Callable[..., None]) -> None:
    validated = cluster.validated(put_both(cluster.store, cluster.folder).id)
    trainer(_State.ERROR)
    with pytest.raises(TrainingFailed):
        cluster.start_search(validated)
    trainer(_State.COMPLETED)
    assert cluster.start_search(validated)["experiment"] == cluster.experiments[1].id


@pytest.mark.parametrize("state", [_State.ERROR, _State.CANCELED])
def test_a_search_that_fails_fails_the_job(
    cluster: Cluster, trainer: Callable[..., None], state: bindings.experimentv1State
) -> None:
    validated = cluster.validated(put_both(cluster.store, cluster.folder).id)
    trainer(state)
    with pytest.raises(TrainingFailed):
        cluster.start_search(validated)


def test_a_search_that_is_not_over_in_time_fails_the_job_and_goes_on(cluster: Cluster) -> None:
    validated = cluster.validated(put_both(cluster.store, cluster.folder).id)
    with pytest.raises(TimedOut):
        cluster.start_search(validated, "--timeout", "1")
    assert [own.state for own in cluster.experiments] == [_State.ACTIVE]


def test_a_master_that_is_away_fails_the_job(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    # As often as ever, without the seconds in between.
    monkeypatch.setattr(client, "_RETRIES", client._RETRIES.new(backoff_factor=0.01))
    validated = cluster.validated(put_both(cluster.store, cluster.folder).id)
    cluster.master.stop()
    with pytest.raises(UnavailableError):
        cluster.start_search(validated)


def test_the_commit_is_read_from_provenance_not_from_the_file(cluster: Cluster, trainer: object) -> None:
    """The same files put again are not validated again: the file names the commit before."""
    first = put_both(cluster.store, cluster.folder)
    validated = cluster.validated(first.id)
    again = cluster.pachd.state.start_commit(TRAIN.repo, "master")
    cluster.pachd.state.finish_commit(again)
    files = {path.name: path.read_bytes() for path in (cluster.folder / validated).iterdir()}
    made = cluster.pachd.pps.outputs(VALIDATE, files, (again,))
    assert Validation.read(files["validation.json"].decode(), "there").commit == first.id
    trained = cluster.start_search(made.id, "--input", str(cluster.folder / validated))
    assert trained["commit"] == again.id


def test_a_validation_of_other_files_is_not_trusted(cluster: Cluster) -> None:
    validated = cluster.validated(put_both(cluster.store, cluster.folder).id)
    other = put(cluster.store, cluster.folder, TRAIN, some_data(1000, seed=5))
    made = cluster.pachd.pps.outputs(VALIDATE, {}, (cluster.pachd.state.commit(TRAIN.repo, other.id),))
    with pytest.raises(
        IntegrityError, match=rf"validation\.json: is of .* not those of {TRAIN.repo}@{other.id}"
    ):
        cluster.start_search(made.id, "--input", str(cluster.folder / validated))
    assert cluster.experiments == []


def test_a_commit_that_comes_from_nowhere_is_not_trained_on(cluster: Cluster) -> None:
    put_both(cluster.store, cluster.folder)
    made = cluster.pachd.pps.outputs(VALIDATE, {}, ())
    with pytest.raises(IntegrityError, match=f"expected to be made from a commit of {TRAIN.repo}"):
        cluster.start_search(made.id, "--input", str(cluster.folder))
    with pytest.raises(NotFoundError):
        cluster.start_search("0" * 32, "--input", str(cluster.folder))


def test_the_night_trains_on_what_the_champion_has_not_seen(cluster: Cluster, trainer: object) -> None:
    train = put_both(cluster.store, cluster.folder)
    assert cluster.retrain()["commit"] == train.id
    engines.model_registry(cluster.own).set_champion(MODEL_NAME, 1)
    newer = put(cluster.store, cluster.folder, TRAIN, some_data(1000, seed=9))
    trained = cluster.retrain()
    assert (trained["commit"], trained["version"]) == (newer.id, 2)
    assert len(cluster.experiments) == 2


def test_the_night_does_not_train_twice(cluster: Cluster, trainer: object) -> None:
    train = put_both(cluster.store, cluster.folder)
    by_day = cluster.start_search(cluster.validated(train.id))
    assert cluster.retrain() == by_day
    assert len(cluster.experiments) == 1


def test_the_night_is_quiet_when_nothing_changed(cluster: Cluster, trainer: object) -> None:
    train = put_both(cluster.store, cluster.folder)
    cluster.start_search(cluster.validated(train.id))
    engines.model_registry(cluster.own).set_champion(MODEL_NAME, 1)
    assert (cluster.retrain()["champion"], len(cluster.experiments)) == (1, 1)
    again = cluster.pachd.state.start_commit(TRAIN.repo, "master")
    cluster.pachd.state.finish_commit(again)
    left = cluster.retrain()
    assert (left["champion"], left["commit"]) == (1, again.id) != (1, train.id)
    assert len(cluster.experiments) == 1


def test_the_night_does_not_train_on_data_that_are_unfit(cluster: Cluster) -> None:
    put_both(cluster.store, cluster.folder)
    put(cluster.store, cluster.folder, TRAIN, some_data(200))
    with pytest.raises(DataError, match="200 images, expected at least 1000"):
        cluster.retrain()
    assert cluster.experiments == []


def _as_the_worker(environment: dict[str, str], program: str, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"fmnist.pipelines.{program}", "--out", str(out)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_as_a_process_it_ends_with_0_or_tells_why_not(cluster: Cluster, tmp_path: Path) -> None:
    good = put_both(cluster.store, cluster.folder)
    bad = put(cluster.store, cluster.folder, TRAIN, some_data(200))
    done = _as_the_worker({"raw_COMMIT": good.id}, "validate_data", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert Validation.read((tmp_path / "out" / "validation.json").read_text(), "there").commit == good.id
    failed = _as_the_worker({"raw_COMMIT": bad.id}, "validate_data", tmp_path / "none")
    assert failed.returncode == DataError.exit_code
    assert f"fmnist: {TRAIN.repo}@{bad.id}: 200 images" in failed.stderr
    assert not (tmp_path / "none").exists()


def test_a_job_without_its_commit_fails(cluster: Cluster, tmp_path: Path) -> None:
    failed = _as_the_worker({"validated_COMMIT": ""}, "start_search", tmp_path / "out")
    assert failed.returncode == 2
    assert "--commit" in failed.stderr
