from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist.core.dataset import Dataset
from fmnist.core.provenance import DataReference
from fmnist.data.base import Commit, DataStore
from fmnist.data.dvc import DvcStore
from fmnist.errors import ConfigError, DataError, NotFoundError
from fmnist.gate.test_data import data_facts, read_test_data
from tests.support.blocks import block_images, put_test_data, put_train_data

_TEST, _TRAIN = block_images(per_class=3), block_images(per_class=5, seed=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DataStore:
    return DvcStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def commits(store: DataStore, tmp_path_factory: pytest.TempPathFactory) -> list[Commit]:
    """Three commits of test data, oldest first."""
    folder = tmp_path_factory.mktemp("files")
    return [
        put_test_data(store, block_images(per_class=3, seed=seed), folder / str(seed)) for seed in (8, 9, 0)
    ]


def _trained_on(commit: Commit, origin: str = "custom") -> DataReference:
    return DataReference(commit.repo, commit.id, origin, {})


def test_test_data_come_from_the_store(store: DataStore, commits: list[Commit]) -> None:
    read = read_test_data(store, commits[-1])
    assert np.array_equal(read.images, _TEST.images)
    assert np.array_equal(read.labels, _TEST.labels)


def test_a_class_without_a_test_image_cannot_be_judged(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    kept = _TEST.labels != 6
    commit = put_test_data(store, Dataset(_TEST.images[kept], _TEST.labels[kept]), tmp_path / "files")
    with pytest.raises(DataError, match="no test image of Shirt"):
        read_test_data(store, commit)


def test_an_empty_test_set_is_an_error(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    nothing = Dataset(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))
    with pytest.raises(DataError):
        read_test_data(store, put_test_data(store, nothing, tmp_path / "files"))


def test_a_truncated_test_set_is_an_error(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    put_test_data(store, _TEST, tmp_path / "files")
    images = tmp_path / "files" / "images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    files = {path.name: path for path in (tmp_path / "files").iterdir()}
    with pytest.raises(DataError, match="images-idx3-ubyte"):
        read_test_data(store, store.put("fmnist-test-raw", files, "cut off"))


def test_images_of_both_halves_are_counted(store: DataStore, commits: list[Commit], tmp_path: Path) -> None:
    leaking = Dataset(
        np.concatenate([_TRAIN.images, _TEST.images[[4, 4, 7]]]),
        np.concatenate([_TRAIN.labels, _TEST.labels[[4, 4, 7]]]),
    )
    clean = put_train_data(store, _TRAIN, tmp_path / "clean")
    leaked = put_train_data(store, leaking, tmp_path / "leaked")
    assert data_facts(store, commits[-1], _TEST, _trained_on(clean), None).shared_images == 0
    assert data_facts(store, commits[-1], _TEST, _trained_on(leaked), None).shared_images == 2


def test_drawn_images_on_either_side_count(store: DataStore, commits: list[Commit], tmp_path: Path) -> None:
    train = put_train_data(store, _TRAIN, tmp_path / "files")
    assert not data_facts(store, commits[-1], _TEST, _trained_on(train), None).synthetic
    assert data_facts(store, commits[-1], _TEST, _trained_on(train, "synthetic"), None).synthetic


@pytest.mark.parametrize(("named", "ahead"), [(None, None), (0, 1), (1, 0), (2, -1)])
def test_test_data_are_placed_in_their_history(
    store: DataStore, commits: list[Commit], tmp_path: Path, named: int | None, ahead: int | None
) -> None:
    train = _trained_on(put_train_data(store, _TRAIN, tmp_path / "files"))
    policy = None if named is None else commits[named].id[: 40 - 17 * named]
    dataset = read_test_data(store, commits[1])
    assert data_facts(store, commits[1], dataset, train, policy).commits_ahead == ahead


def test_a_policy_that_names_another_history_is_an_error(
    store: DataStore, commits: list[Commit], tmp_path: Path
) -> None:
    train = _trained_on(put_train_data(store, _TRAIN, tmp_path / "files"))
    with pytest.raises(NotFoundError, match="fmnist-test-raw"):
        data_facts(store, commits[-1], _TEST, train, "0" * 40)
    orphan = replace(commits[-1], id="1" * 40, parent=None)
    with pytest.raises(ConfigError, match=r"gate\.yaml: test_data_commit .* not in the history"):
        data_facts(store, orphan, _TEST, train, commits[0].id)


def test_missing_training_data_is_an_error(store: DataStore, commits: list[Commit]) -> None:
    gone = DataReference("fmnist-train-raw", "0" * 40, "official", {})
    with pytest.raises(NotFoundError, match=r"trained on are not in this store.*fmnist-train-raw"):
        data_facts(store, commits[-1], _TEST, gone, None)
