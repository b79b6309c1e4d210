"""`fmnist search` on a machine that reports to a master: in this process, or the one at DET_MASTER.

The trainings take no time; everything between the command and the master is real.
"""

import json
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from determined.common.api import bindings

from fmnist import settings
from fmnist import wiring as engines
from fmnist.cli.search import search
from fmnist.clients.determined import Session, log_in
from fmnist.core.fashion_mnist import TRAIN
from fmnist.data.formats.idx import write_idx
from fmnist.errors import UnavailableError
from fmnist.jobs import search as search_job
from fmnist.jobs import train as train_job
from fmnist.settings import PROJECT, Settings
from fmnist.training.workers import Workers, prepare
from tests.support import fake_training as fake
from tests.support.determined.server import Fault, serving
from tests.support.determined.versions import MASTER, reachable_master
from tests.support.real import SERVERS

ASHA = (
    "searcher={name: adaptive_asha, metric: accuracy, smaller_is_better: false, time_metric: epochs, "
    "max_time: 4, max_trials: 4, divisor: 2, mode: aggressive}"
)


@pytest.fixture
def own(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Settings with training data, whose trials are not really trained."""
    monkeypatch.setattr(search_job, "prepare", partial(prepare, (fake.__name__,)))
    monkeypatch.setattr(train_job, "Workers", partial(Workers, train=fake.trains))
    with reachable_master(tmp_path / "storage") as environment:
        home = {"FMNIST_HOME": str(tmp_path / "home"), "FMNIST_DATA_STORE": "dvc"}
        for name, value in {**environment, **home}.items():
            monkeypatch.setenv(name, value)
        found = settings.from_environment()
        images = fake.images()
        (tmp_path / TRAIN.images.name).write_bytes(write_idx(images.images))
        (tmp_path / TRAIN.labels.name).write_bytes(write_idx(images.labels))
        files = {file.name: tmp_path / file.name for file in TRAIN.files}
        engines.data_store(found).put(TRAIN.repo, files, "garments")
        yield found


def searched(name: str, searcher: str = ASHA, *options: str) -> list[dict[str, object]]:
    """The trials of `fmnist search` as it prints them."""
    changes = [f"name={name}", "hyperparameters.epochs=4", "hyperparameters.width=8", searcher]
    arguments = [str(PROJECT / "adaptive.yaml"), "--jobs=2", *(f"--config={text}" for text in changes)]
    done = CliRunner().invoke(search, [*arguments, *options, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    trials: list[dict[str, object]] = json.loads(done.stdout.splitlines()[-1])["trials"]
    return trials


def session_of(own: Settings) -> Session:
    assert own.determined
    return log_in(own.determined)


def experiments_of(own: Settings, name: str) -> list[bindings.v1Experiment]:
    found = bindings.get_GetExperiments(session_of(own), name=name).experiments
    return [experiment for experiment in found if experiment.name == name]


def trials_of(own: Settings, experiment: int) -> list[bindings.trialv1Trial]:
    found = bindings.get_GetExperimentTrials(session_of(own), experimentId=experiment).trials
    return sorted(found, key=lambda trial: int(trial.hparams["trial"]))


@pytest.mark.parametrize("_", [MASTER])
def test_a_search_is_one_experiment_with_all_its_trials(own: Settings, _: str) -> None:
    name = f"search-{uuid.uuid4().hex[:8]}"
    printed = searched(name)
    (experiment,) = experiments_of(own, name)
    assert (experiment.unmanaged, experiment.searcherType) == (True, "adaptive_asha")
    assert experiment.state is bindings.experimentv1State.COMPLETED
    trials = trials_of(own, experiment.id)
    assert {trial.state for trial in trials} == {bindings.trialv1State.COMPLETED}
    shown = [
        (trial.hparams["trial"], trial.hparams["dropout"], trial.totalBatchesProcessed) for trial in trials
    ]
    assert shown == [(row["id"], row["hyperparameters"]["dropout"], row["epochs"]) for row in printed]  # type: ignore[index]
    assert len({trial.totalBatchesProcessed for trial in trials}) > 1
    outcome = engines.experiments(own).wait(experiment.id, 30, lambda _: None)
    assert outcome.metric == pytest.approx(max(row["metric"] for row in printed))  # type: ignore[type-var]


@pytest.mark.parametrize("_", [MASTER])
def test_a_search_begun_anew_is_another_experiment(own: Settings, _: str) -> None:
    name = f"search-{uuid.uuid4().hex[:8]}"
    single = "searcher={name: random, metric: accuracy, smaller_is_better: false, max_trials: 1}"
    searched(name, single)
    searched(name, single, "--fresh")
    assert len(experiments_of(own, name)) == 2


@pytest.mark.skipif("DET_MASTER" in SERVERS, reason="asks a server of ours to misbehave")
def test_a_search_whose_master_goes_away_goes_on_in_the_same_experiment(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "storage") as master:
        for variable, value in master.environment().items():
            monkeypatch.setenv(variable, value)
        there = settings.from_environment()
        master.faults.append(Fault("POST .*/trials/2/metrics", status=503, times=99))
        with pytest.raises(UnavailableError, match="Determined at http://127"):
            searched("interrupted")
        master.faults.clear()
        printed = searched("interrupted")
        (experiment,) = experiments_of(there, "interrupted")
        trials = trials_of(there, experiment.id)
        assert [trial.hparams["trial"] for trial in trials] == [row["id"] for row in printed]
        assert {trial.state for trial in trials} == {bindings.trialv1State.COMPLETED}
        for trial in trials:
            steps = [done for done, _ in master.records.trials[trial.id].series("validation")]
            assert steps == list(range(1, trial.totalBatchesProcessed + 1))
