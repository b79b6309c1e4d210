"""Differences between two data commits."""

from dataclasses import dataclass

from fmnist.data.base import Commit, DataStore
from fmnist.data.commits import load
from fmnist.data.quality import Inspection, inspect
from fmnist.errors import DataError


@dataclass(frozen=True)
class FileChange:
    """A file that differs.

    Attributes:
        change: ``added``, ``removed`` or ``changed``.
        old_size: in bytes; None if the file was added.
        new_size: in bytes; None if the file was removed.
    """

    name: str
    change: str
    old_size: int | None
    new_size: int | None


def file_changes(old: Commit | None, new: Commit) -> list[FileChange]:
    """By file, sorted by name; an ``old`` of None is a commit without files."""
    before = {file.name: file for file in old.files} if old else {}
    after = {file.name: file for file in new.files}
    changes = []
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was and now and was.sha256 == now.sha256:
            continue
        change = "changed" if was and now else "added" if now else "removed"
        changes.append(FileChange(name, change, was.size if was else None, now.size if now else None))
    return changes


@dataclass(frozen=True)
class Diff:
    """Differences of ``new`` from ``old``.

    Attributes:
        old: None if ``new`` is compared with nothing.
        new: the newer commit.
        files: that differ, by name.
        was: counts of the old images; None if there are none that can be read.
        now: counts of the new images; likewise.
    """

    old: Commit | None
    new: Commit
    files: list[FileChange]
    was: Inspection | None
    now: Inspection | None


def diff(store: DataStore, old: Commit | None, new: Commit) -> Diff:
    """Compare two commits by files and by images per class."""
    was = _inspected(store, old) if old else None
    return Diff(old, new, file_changes(old, new), was, _inspected(store, new))


def _inspected(store: DataStore, commit: Commit) -> Inspection | None:
    try:
        return inspect(load(store, commit))
    except DataError:
        return None
