"""A training on this machine that reports to a master: in this process, or the one at DET_MASTER."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from determined.common.api import bindings

from fmnist import settings
from fmnist import wiring as engines
from fmnist.clients.determined import _RETRIES, Session, log_in
from fmnist.errors import ConfigError, UnavailableError
from fmnist.settings import Settings
from fmnist.tracking.base import Decision
from tests.support.bundles import make_bundle
from tests.support.determined.trials import report
from tests.support.determined.versions import MASTER, reachable_master


@pytest.fixture(scope="module", params=[MASTER])
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("unmanaged")
    with reachable_master(folder / "storage") as environment:
        yield settings.from_environment({**os.environ, **environment, "FMNIST_HOME": str(folder / "home")})


@pytest.fixture(scope="module")
def session(own: Settings) -> Session:
    assert own.determined
    return log_in(own.determined)


def trial_of(session: Session, run: str) -> bindings.trialv1Trial:
    return bindings.get_GetTrial(session, trialId=int(run)).trial


def test_a_laptops_training_reports_to_the_master(own: Settings, session: Session, tmp_path: Path) -> None:
    with engines.open_run(own, "fmnist-laptop", job=uuid4().hex) as run:
        run.start({"data_commit": "c0ffee", "optimizer.name": "adamw", "optimizer.learning_rate": 0.01})
        assert [run.report(report(epoch, 2, 0.5 + epoch / 10)) for epoch in (1, 2)] == [Decision.CONTINUE] * 2
        run.finish(make_bundle(tmp_path / "bundle").folder)
    trial = trial_of(session, run.id)
    assert trial.state is bindings.trialv1State.COMPLETED
    assert trial.latestValidation
    assert trial.latestValidation.totalBatches == 20
    assert trial.latestValidation.metrics.avgMetrics["epochs"] == 2
    experiment = bindings.get_GetExperiment(session, experimentId=trial.experimentId).experiment
    assert (experiment.name, experiment.unmanaged) == ("fmnist-laptop", True)
    assert trial.hparams == {
        "data_commit": "c0ffee",
        "optimizer": {"name": "adamw", "learning_rate": 0.01},
    }
    experiments = engines.experiments(own)
    outcome = experiments.wait(experiment.id, 30, lambda _: None)
    assert outcome.metric == pytest.approx(0.7)
    with experiments.best(experiment.id) as bundle:
        assert bundle.metadata.metrics == {"accuracy": 0.9}


def test_a_training_that_goes_on_is_the_same_trial(own: Settings, session: Session, tmp_path: Path) -> None:
    job = uuid4().hex
    with engines.open_run(own, "fmnist-laptop", job=job) as first:
        first.start({})
        first.report(report(1, 2))
        # Killed: nobody says that it is over.
        first._context._heartbeat._update_state = lambda _: None  # type: ignore[attr-defined]
    with engines.open_run(own, "fmnist-laptop", job=job) as second:
        second.start({})
        assert [second.report(report(epoch, 2)) for epoch in (1, 2)] == [Decision.CONTINUE] * 2
        second.finish(make_bundle(tmp_path / "bundle").folder)
    assert second.id == first.id
    workloads = bindings.get_GetTrialWorkloads(session, trialId=int(second.id)).workloads
    steps = [item.validation.totalBatches for item in workloads if item.validation]
    assert sorted(steps) == [10, 20]


def test_a_training_that_was_killed_after_its_end_is_finished_again(
    own: Settings, session: Session, tmp_path: Path
) -> None:
    job = uuid4().hex
    with engines.open_run(own, "fmnist-laptop", job=job) as first:
        first.start({"seed": 1})
        first.report(report(1, 1))
        first.finish(make_bundle(tmp_path / "bundle").folder)
        first._context._heartbeat._update_state = lambda _: None  # type: ignore[attr-defined]
    with engines.open_run(own, "fmnist-laptop", job=job) as second:
        second.start({"seed": 1})
        second.report(report(1, 1))
        second.finish(tmp_path / "bundle")
    assert second.id == first.id
    assert trial_of(session, second.id).state is bindings.trialv1State.COMPLETED


def test_event_files_are_those_of_the_training_alone(own: Settings, tmp_path: Path) -> None:
    hooks = sys.exit, sys.excepthook
    with (
        engines.open_run(own, "fmnist-laptop", job=uuid4().hex) as one,
        engines.open_run(own, "fmnist-laptop", job=uuid4().hex) as other,
    ):
        for run in (one, other):
            run.start({})
            run.report(report(1, 1))
        assert (sys.exit, sys.excepthook) == hooks
    for run in (one, other):
        (folder,) = Path(own.checkpoint_storage).glob(f"*/tensorboard/experiment/*/trial/{run.id}")
        assert len(list(folder.glob("events.out.tfevents.*"))) == 1


def test_a_training_that_raises_is_shown_as_failed(own: Settings, session: Session) -> None:
    ids = []

    def fail() -> None:
        with engines.open_run(own, "fmnist-laptop", job=uuid4().hex) as run:
            ids.append(run.id)
            run.start({})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert trial_of(session, ids[0]).state is bindings.trialv1State.ERROR


def test_its_checkpoint_is_registered_as_it_is(own: Settings, session: Session, tmp_path: Path) -> None:
    registry, model = engines.model_registry(own), f"laptop-{uuid4().hex[:8]}"
    with engines.open_run(own, "fmnist-laptop", job=uuid4().hex) as run:
        run.start({})
        run.report(report(1, 1))
        folder = make_bundle(tmp_path / "bundle").folder
        (folder / "metadata.json").write_text(
            (folder / "metadata.json").read_text().replace('"run-0"', f'"{run.id}"')
        )
        run.finish(folder)
    experiment = trial_of(session, run.id).experimentId
    with engines.experiments(own).best(experiment) as bundle:
        version = registry.register(model, bundle)
    answer = bindings.get_GetModelVersion(session, modelName=model, modelVersionNum=version.number)
    assert answer.modelVersion.checkpoint.training.trialId == int(run.id)
    assert answer.modelVersion.metadata
    assert answer.modelVersion.metadata["experiment_id"] == experiment


def test_a_master_that_is_not_there_is_told(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # As often as ever, without the seconds in between.
    monkeypatch.setattr("fmnist.clients.determined._RETRIES", _RETRIES.new(backoff_factor=0.01))
    gone = settings.from_environment({"DET_MASTER": "http://127.0.0.1:9", "FMNIST_HOME": str(own.home)})
    with pytest.raises(UnavailableError, match="cannot be reached"), engines.open_run(gone, "x"):
        pass
    assert own.determined
    wrong = settings.from_environment(
        {"DET_MASTER": own.determined.master, "DET_PASS": "wrong", "FMNIST_HOME": str(own.home)}
    )
    with pytest.raises(ConfigError, match="check DET_USER and DET_PASS"), engines.open_run(wrong, "x"):
        pass
