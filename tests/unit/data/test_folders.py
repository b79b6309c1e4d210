from pathlib import Path

import pytest

from fmnist.data.base import Commit
from fmnist.data.dvc import DvcStore
from fmnist.data.folders import checkout, files_under, refuse_broken_data
from fmnist.data.formats.idx import write_idx
from fmnist.errors import DataError, InputError, IntegrityError
from tests.support.drawing import some_data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "from/deep").mkdir(parents=True)
    (tmp_path / "from/a").write_bytes(b"1")
    (tmp_path / "from/deep/b").write_bytes(b"2")
    return tmp_path / "from"


@pytest.fixture
def store(tmp_path: Path) -> DvcStore:
    return DvcStore(tmp_path / "data")


@pytest.fixture
def commit(store: DvcStore, folder: Path) -> Commit:
    return store.put("garments", files_under([folder]), "m")


def test_a_folders_files_are_named_below_it(folder: Path) -> None:
    assert files_under([folder]) == {"a": folder / "a", "deep/b": folder / "deep/b"}
    assert files_under([folder / "a", folder / "deep"]) == {"a": folder / "a", "b": folder / "deep/b"}


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="both be stored as a"):
        files_under([folder, folder / "a"])


def test_broken_images_are_refused_and_other_files_are_not(folder: Path) -> None:
    refuse_broken_data(files_under([folder]))
    (folder / "images-idx3-ubyte.gz").write_bytes(write_idx(some_data(3).images))
    with pytest.raises(DataError, match="expected one IDX file"):
        refuse_broken_data(files_under([folder]))
    (folder / "labels-idx1-ubyte.gz").write_bytes(write_idx(some_data(3).labels))
    refuse_broken_data(files_under([folder]))


@pytest.mark.parametrize("exists", [True, False])
def test_a_checkout_is_the_commit(tmp_path: Path, store: DvcStore, commit: Commit, exists: bool) -> None:
    target = tmp_path / "out/here"
    if exists:
        target.mkdir(parents=True)
    checkout(store, commit, target)
    assert (target / "a").read_bytes() == b"1"
    assert (target / "deep/b").read_bytes() == b"2"
    assert [path.name for path in target.parent.iterdir()] == ["here"]


def test_a_checkout_never_writes_over_anything(
    tmp_path: Path, store: DvcStore, commit: Commit, folder: Path
) -> None:
    for target in (folder, folder / "a"):
        with pytest.raises(InputError, match="not empty"):
            checkout(store, commit, target)
    assert (folder / "a").read_bytes() == b"1"


def test_a_checkout_of_a_damaged_commit_leaves_nothing(
    tmp_path: Path, store: DvcStore, commit: Commit
) -> None:
    for path in (tmp_path / "data/garments/.dvc/cache").rglob("*"):
        if path.is_file() and path.read_bytes() == b"2":
            path.chmod(0o644)
            path.write_bytes(b"3")
    (tmp_path / "out").mkdir()
    with pytest.raises(IntegrityError, match="deep/b"):
        checkout(store, commit, tmp_path / "out/here")
    assert list((tmp_path / "out").iterdir()) == []
