"""What is different between two data commits."""

from collections.abc import Mapping
from dataclasses import dataclass

from fmnist.data.base import Commit, DataStore
from fmnist.data.fetch import load
from fmnist.data.validation import inspect
from fmnist.errors import DataError, NotFoundError

_SHORTEST_ID = 6


@dataclass(frozen=True)
class FileChange:
    """``change``: added, removed or changed; sizes in bytes, None where the file is not."""

    name: str
    change: str
    old_size: int | None
    new_size: int | None


@dataclass(frozen=True)
class Contents:
    """How many images a commit holds, by class name; None where its files are no data set."""

    images: int
    per_class: Mapping[str, int]


def commit_of(store: DataStore, repo: str, ref: str) -> Commit:
    """Like ``store.get``, and the beginning of a commit id will do.

    Raises:
        NotFoundError: no such repo or commit, or several commits begin so.
    """
    try:
        return store.get(repo, ref)
    except NotFoundError:
        matches = [commit for commit in store.log(repo) if commit.id.startswith(ref)]
        if len(ref) < _SHORTEST_ID or not matches:
            raise
        if len(matches) > 1:
            raise NotFoundError(f"{repo}: {len(matches)} commits begin with {ref}; give more of it") from None
        return matches[0]


def newest(store: DataStore, repo: str) -> Commit | None:
    """The newest commit of a repo; None if there is none that can be read."""
    try:
        return store.get(repo)
    except (NotFoundError, DataError):
        return None


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


def contents(store: DataStore, commit: Commit) -> Contents | None:
    """What a commit's data set holds; None if it holds none that can be read."""
    try:
        inspection = inspect(load(store, commit))
    except DataError:
        return None
    return Contents(inspection.images, inspection.per_class)
