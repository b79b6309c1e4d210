import errno
import os
from pathlib import Path

import pytest

from fmnist.errors import UnavailableError
from fmnist.files.atomic import disk_errors, folder_written_atomically, sha256_of, write_atomically
from tests.support.files import files_no_larger_than


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "free some space"), (errno.EDQUOT, "free some space"), (errno.EIO, "check the disk")],
)
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    path = tmp_path / "a" / "state.json"
    write_atomically(path, "old")

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(
        UnavailableError, match=rf"state\.json: cannot be written: {os.strerror(number)}; {advice}"
    ):
        write_atomically(path, "new")
    with pytest.raises(UnavailableError, match="bundle: cannot be written"):
        _write_folder(tmp_path / "bundle", "one")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
    assert list(tmp_path.iterdir()) == [path.parent]


def _write_folder(folder: Path, *names: str) -> None:
    with folder_written_atomically(folder) as beside:
        for name in names:
            (beside / name).parent.mkdir(exist_ok=True)
            (beside / name).write_text(name)


def test_a_full_disk_is_one_error_for_whatever_fills_it(tmp_path: Path) -> None:
    """A limit on file sizes stands for the disk: both end a write in the middle."""
    names = [f"{number}" for number in range(2000)]
    with files_no_larger_than(4096):
        with pytest.raises(UnavailableError, match="file: cannot be written: File too large; raise"):
            write_atomically(tmp_path / "file", "\n".join(names))
        with (
            pytest.raises(UnavailableError, match=r"folder: cannot be written: File too large"),
            folder_written_atomically(tmp_path / "folder") as beside,
        ):
            (beside / "one").write_text("\n".join(names))
    assert list(tmp_path.iterdir()) == []


def test_errors_that_are_no_disks_stay_what_they_are(tmp_path: Path) -> None:
    for error in (ConnectionResetError(104, "reset"), BrokenPipeError(32, "pipe"), OSError("odd")):
        with pytest.raises(type(error)), disk_errors(tmp_path):
            raise error


def test_what_is_renamed_was_synced_before_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut after the rename finds the content, and the name."""
    fsync, replace = os.fsync, Path.replace
    synced: list[Path] = []

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    def renamed(path: Path, target: Path) -> Path:
        names = {entry.relative_to(path) for entry in synced if entry.is_relative_to(path)}
        assert names == {Path(), *(entry.relative_to(path) for entry in path.rglob("*"))}
        synced.clear()
        return replace(path, target)

    monkeypatch.setattr("os.fsync", noted)
    monkeypatch.setattr(Path, "replace", renamed)
    write_atomically(tmp_path / "file", "content")
    assert synced == [tmp_path]
    _write_folder(tmp_path / "folder", "one", "below/two")
    assert synced == [tmp_path]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"

    def fail_half_way() -> None:
        with folder_written_atomically(folder) as beside:
            (beside / "one").write_text("1")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []

    _write_folder(folder, "one")
    assert (folder / "one").read_text() == "one"


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    for name in ("old", "new"):
        _write_folder(folder, name)
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea")
