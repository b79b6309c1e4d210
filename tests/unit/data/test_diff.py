from datetime import UTC, datetime
from pathlib import Path

from fmnist.data.base import Commit, StoredFile
from fmnist.data.diff import FileChange, diff, file_changes
from fmnist.data.dvc import DvcStore
from tests.support.drawing import csv_of, some_data


def commit(**sums: str) -> Commit:
    files = tuple(StoredFile(name, len(digest), digest) for name, digest in sorted(sums.items()))
    return Commit("garments", "0" * 40, None, datetime.now(UTC), "m", files)


def test_files_are_added_removed_and_changed() -> None:
    changes = file_changes(commit(a="1", b="1", c="1"), commit(b="22", c="1", d="333"))
    assert changes == [
        FileChange("a", "removed", 1, None),
        FileChange("b", "changed", 1, 2),
        FileChange("d", "added", None, 3),
    ]


def test_the_first_commit_adds_everything() -> None:
    assert file_changes(None, commit(a="1")) == [FileChange("a", "added", None, 1)]
    assert file_changes(commit(a="1"), commit(a="1")) == []


def test_contents_count_the_images_by_class(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    (tmp_path / "x.csv").write_bytes(csv_of(some_data(11)))
    (tmp_path / "note").write_bytes(b"none")
    images = store.put("garments", {"x.csv": tmp_path / "x.csv"}, "m")
    found = diff(store, None, images).now
    assert found
    assert (found.images, found.per_class["T-shirt/top"], found.per_class["Bag"]) == (11, 2, 1)
    changed = diff(store, images, store.put("garments", {"note": tmp_path / "note"}, "m"))
    assert (changed.was, changed.now) == (found, None)
