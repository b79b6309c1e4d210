"""Trainings and searches read exactly the data commit that is named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmnist.core.bundle import Bundle, open_bundle, write_metadata
from fmnist.core.fashion_mnist import MODEL_NAME, TRAIN
from fmnist.core.provenance import DataReference
from fmnist.data.base import Commit
from fmnist.errors import ConfigError, IntegrityError, NotFoundError
from fmnist.jobs import search as search_job
from fmnist.jobs import train as job
from fmnist.settings import PROJECT, Settings, from_environment
from fmnist.training.job import TrainingJob
from fmnist.wiring import data_store, model_registry
from tests.support.bundles import make_bundle
from tests.support.drawing import some_data
from tests.support.homes import make_home
from tests.support.networks import MINIMAL
from tests.unit.jobs.data import put

CONST = PROJECT / "const.yaml"
ADAPTIVE = PROJECT / "adaptive.yaml"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[Commit]]:
    """A home with three commits of training images, oldest first."""
    folder = tmp_path_factory.mktemp("commits")
    settings = make_home(folder / "home")
    store = data_store(settings)
    return settings, [put(store, folder / str(n), TRAIN, some_data(20, seed=n)) for n in range(3)]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[TrainingJob]:
    """The jobs that were asked for; none runs."""
    jobs: list[TrainingJob] = []

    def record(_settings: Settings, _store: object, commit: Commit, asked: TrainingJob, _: object) -> None:
        assert commit.id == asked.train_data.commit
        jobs.append(asked)

    monkeypatch.setattr(job, "_train", record)
    return jobs


def test_the_commit_of_the_file_or_command_line_is_trained_on(
    home: tuple[Settings, list[Commit]], trained: list[TrainingJob], tmp_path: Path
) -> None:
    settings, (first, middle, newest) = home
    job.train_file(settings, CONST)
    job.train_file(settings, CONST, [f"data.train.commit={first.id}"])
    job.train_file(settings, CONST, [f"data.train.commit={middle.id[:8]}"])
    file = tmp_path / "const.yaml"
    file.write_text(CONST.read_text().replace("commit: master", f'commit: "{middle.id}"', 1))
    job.train_file(settings, file)
    assert [one.train_data for one in trained] == [
        commit.reference() for commit in (newest, first, middle, middle)
    ]


def _search(settings: Settings, file: Path, overrides: list[str]) -> Any:
    return search_job.search_file(settings, file, overrides, print)


@pytest.mark.parametrize("run", [job.train_file, _search])
@pytest.mark.parametrize(
    ("override", "error", "says"),
    [
        ("data.train.commit=doesnotexist", NotFoundError, "fmnist-train-raw.*doesnotexist"),
        ("data.train.commit=c0ffee", NotFoundError, "fmnist-train-raw.*c0ffee"),
        ("data.train.repo=nowhere", NotFoundError, "nowhere"),
        ("data.train.repo=../../etc", Exception, "etc"),
        ("data.train.comit=c0ffee", ConfigError, r"data\.train\.comit: there is no such key"),
        ("data.trian={commit: c0ffee}", ConfigError, r"data\.trian: there is no such key"),
        ("data.commit=c0ffee", ConfigError, r"data\.commit: .*data\.train"),
        ("data.train.commit=", ConfigError, r"data\.train: expected"),
        ('data.train.commit=""', ConfigError, r"data\.train: expected"),
        ("data.train=c0ffee", ConfigError, r"data\.train: expected"),
    ],
)
def test_an_unknown_commit_is_an_error_before_anything_runs(
    home: tuple[Settings, list[Commit]],
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., Any],
    override: str,
    error: type[Exception],
    says: str,
) -> None:
    for module in (job, search_job):
        monkeypatch.setattr(module, "prepare", lambda: pytest.fail("TensorFlow is loaded"))
    with pytest.raises(error, match=says):
        run(home[0], CONST if run is job.train_file else ADAPTIVE, [override])


def test_a_watch_trains_on_the_commit_that_it_announces(
    home: tuple[Settings, list[Commit]], trained: list[TrainingJob]
) -> None:
    settings, (first, middle, newest) = home
    announced = {"FMNIST_HOME": str(settings.home), "FMNIST_DATA_REPO": TRAIN.repo}
    watched = from_environment({**announced, "FMNIST_DATA_COMMIT": middle.id})
    job.train_file(watched, CONST)
    job.train_file(watched, CONST, [f"data.train.commit={first.id}"])
    of_tests = {**announced, "FMNIST_DATA_REPO": "fmnist-test-raw", "FMNIST_DATA_COMMIT": "c0ffee"}
    job.train_file(from_environment(of_tests), CONST)
    assert [one.train_data.commit for one in trained] == [middle.id, first.id, newest.id]
    with pytest.raises(NotFoundError, match="c0ffee"):
        job.train_file(from_environment({**announced, "FMNIST_DATA_COMMIT": "c0ffee"}), CONST)
    with pytest.raises(ConfigError, match=r"FMNIST_DATA_REPO=shoes: the experiment reads fmnist-train-raw"):
        job.train_file(
            from_environment({**announced, "FMNIST_DATA_REPO": "shoes", "FMNIST_DATA_COMMIT": first.id}),
            CONST,
        )


def test_a_version_is_trained_again_on_its_own_commit_and_configuration(
    home: tuple[Settings, list[Commit]], trained: list[TrainingJob], tmp_path: Path
) -> None:
    settings, (first, *_) = home
    parent = _checkpoint(settings.checkpoints / "shoes/before", first.reference(), run="before", parent=None)
    continued = _checkpoint(tmp_path / "bundle", first.reference(), run="after", parent="before")
    version = model_registry(settings).register(MODEL_NAME, continued)
    job.train_version_again(settings, MODEL_NAME, version.number)
    (asked,) = trained
    assert asked.train_data == first.reference()
    assert (asked.experiment, asked.seed, asked.threads, asked.parent) == ("shoes", 5, 3, parent.folder)
    assert asked.hyperparameters.model_dump(exclude_unset=True) == _HYPERPARAMETERS
    (parent.folder / "metadata.json").unlink()
    with pytest.raises(NotFoundError, match=r"no checkpoint of run before.*--from CHECKPOINT"):
        job.train_version_again(settings, MODEL_NAME, version.number)


@pytest.mark.parametrize(
    ("commit", "error"), [(None, IntegrityError), ("0" * 40, NotFoundError)], ids=["other files", "not here"]
)
def test_a_version_whose_data_are_not_here_is_not_trained_on_others(
    home: tuple[Settings, list[Commit]],
    trained: list[TrainingJob],
    tmp_path: Path,
    commit: str | None,
    error: type[Exception],
) -> None:
    settings, (first, *_) = home
    data = replace(first.reference(), commit=commit or first.id, sha256={"other": "0" * 64})
    bundle = _checkpoint(tmp_path / "bundle", data, run=f"run-{commit}", parent=None)
    version = model_registry(settings).register(MODEL_NAME, bundle)
    with pytest.raises(error, match=data.commit):
        job.train_version_again(settings, MODEL_NAME, version.number)
    assert not trained


_HYPERPARAMETERS = {**MINIMAL, "network": "baseline", "dropout": 0.1, "epochs": 2, "batch_size": 4}


def _checkpoint(folder: Path, data: DataReference, *, run: str, parent: str | None) -> Bundle:
    bundle = make_bundle(folder)
    origin = replace(
        bundle.metadata.provenance,
        experiment="shoes",
        run=run,
        parent_run=parent,
        train_data=data,
        seed=5,
        threads=3,
    )
    metadata = replace(bundle.metadata, provenance=origin, hyperparameters=_HYPERPARAMETERS)
    write_metadata(folder, metadata)
    return open_bundle(folder)
