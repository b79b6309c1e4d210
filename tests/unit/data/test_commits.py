from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from fmnist.data.base import Commit, DataStore, StoredFile
from fmnist.data.commits import check_out
from fmnist.data.dvc import DvcStore
from fmnist.errors import InputError, IntegrityError


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
    return store.put("garments", {"a": folder / "a", "deep/b": folder / "deep/b"}, "m")


@pytest.mark.parametrize("exists", [True, False])
def test_a_checkout_is_the_commit(tmp_path: Path, store: DvcStore, commit: Commit, exists: bool) -> None:
    target = tmp_path / "out/here"
    if exists:
        target.mkdir(parents=True)
    check_out(store, commit, target)
    assert (target / "a").read_bytes() == b"1"
    assert (target / "deep/b").read_bytes() == b"2"
    assert [path.name for path in target.parent.iterdir()] == ["here"]


def test_a_checkout_never_writes_over_anything(
    tmp_path: Path, store: DvcStore, commit: Commit, folder: Path
) -> None:
    for target in (folder, folder / "a"):
        with pytest.raises(InputError, match="not empty"):
            check_out(store, commit, target)
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
        check_out(store, commit, tmp_path / "out/here")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/fmnist-escaped", "a/../../escaped"])
def test_a_checkout_writes_nothing_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    class Store:
        def read(self, commit: Commit, name: str) -> bytes:
            return b"x"

    commit = Commit("garments", "1f" * 20, None, datetime.now(UTC), "m", (StoredFile(name, 1, "0" * 64),))
    with pytest.raises(IntegrityError, match=r"garments@1f.*: file name .* expected a relative path"):
        check_out(cast(DataStore, Store()), commit, tmp_path / "out/here")
    assert list((tmp_path / "out").iterdir()) == []
    assert not Path("/tmp/fmnist-escaped").exists()
