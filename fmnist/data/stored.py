"""Files of commits, as every store describes and looks them up."""

from collections.abc import Mapping
from pathlib import Path

from fmnist.data.base import Commit, DataStore, StoredFile
from fmnist.errors import IntegrityError, NotFoundError
from fmnist.files.atomic import sha256_of


def check_there(repo: str, files: Mapping[str, Path]) -> None:
    """Raises NotFoundError unless all files that are to be put exist."""
    for name, path in files.items():
        if not path.is_file():
            raise NotFoundError(f"{path}: no such file (to be put as {name} into {repo})")


def describe(files: Mapping[str, Path]) -> tuple[StoredFile, ...]:
    """Name, size and SHA-256 of files on this machine, sorted by name."""
    return tuple(
        StoredFile(name, path.stat().st_size, sha256_of(path)) for name, path in sorted(files.items())
    )


def stored_file(commit: Commit, name: str) -> StoredFile:
    """What the commit recorded of a file.

    Raises:
        NotFoundError: it holds no such file.
    """
    for file in commit.files:
        if file.name == name:
            return file
    names = ", ".join(file.name for file in commit.files)
    raise NotFoundError(f"{commit.repo}@{commit.id}: no file {name}; it holds {names}")


def is_sound(store: DataStore, commit: Commit) -> bool:
    """Whether every file of the commit can be read as it was recorded."""
    try:
        for file in commit.files:
            store.read(commit, file.name)
    except IntegrityError:
        return False
    return True
