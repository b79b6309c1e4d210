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


def inspected(store: DataStore, commit: Commit) -> Inspection | None:
    """The counts of a commit's data set; None if it holds none that can be read."""
    try:
        return inspect(load(store, commit))
    except DataError:
        return None
