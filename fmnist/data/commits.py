"""Commits and their files, as every store describes, finds and reads them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from fmnist.core.dataset import Dataset
from fmnist.data.base import Commit, DataStore, StoredFile
from fmnist.data.formats import read_dataset
from fmnist.errors import DataError, InputError, IntegrityError, NotFoundError
from fmnist.files.atomic import folder_written_atomically, sha256_of
from fmnist.files.paths import path_in


def stored_files(repo: str, files: Mapping[str, Path]) -> tuple[StoredFile, ...]:
    """Name, size and SHA-256 of files on this machine, sorted by name.

    Raises:
        NotFoundError: a file to put does not exist.
    """
    for name, path in files.items():
        if not path.is_file():
            raise NotFoundError(f"{path}: no such file (to be put as {name} into {repo})")
    return tuple(
        StoredFile(name, path.stat().st_size, sha256_of(path)) for name, path in sorted(files.items())
    )


def stored_file(commit: Commit, name: str) -> StoredFile:
    """The commit's record of a file.

    Raises:
        NotFoundError: the commit holds no such file.
    """
    for file in commit.files:
        if file.name == name:
            return file
    names = ", ".join(file.name for file in commit.files)
    raise NotFoundError(f"{commit.repo}@{commit.id}: no file {name}; it holds {names}")


def check_content(content: bytes, stored: StoredFile, commit: Commit) -> None:
    """Raises IntegrityError unless these are the bytes that the commit recorded."""
    sha256 = hashlib.sha256(content).hexdigest()
    if (len(content), sha256) != (stored.size, stored.sha256):
        raise IntegrityError(
            f"{commit.repo}@{commit.id}: {stored.name} has {len(content)} bytes with SHA-256 {sha256}, "
            f"recorded were {stored.size} bytes with {stored.sha256}; put the same files again to restore it"
        )


def is_readable(store: DataStore, commit: Commit) -> bool:
    """Whether every file of the commit can be read as it was recorded."""
    try:
        for file in commit.files:
            store.read(commit, file.name)
    except IntegrityError:
        return False
    return True


def load(store: DataStore, commit: Commit) -> Dataset:
    """The images and labels of a commit.

    Raises:
        DataError: its files are no data set.
        IntegrityError: a file's bytes are not the recorded ones.
    """
    return read_dataset({file.name: store.read(commit, file.name) for file in commit.files})


def newest_commit(store: DataStore, repo: str) -> Commit | None:
    """The newest commit of a repo; None if there is none that can be read."""
    try:
        return store.get(repo)
    except (NotFoundError, DataError):
        return None


def check_out(store: DataStore, commit: Commit, folder: Path) -> None:
    """Write all files of a commit into ``folder``, which must be new or empty; all or none.

    Raises:
        InputError: the folder holds something.
        IntegrityError: a file's bytes are not the recorded ones.
    """
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise InputError(f"{folder} is not empty; name a new folder")
    with folder_written_atomically(folder.absolute()) as beside:
        for file in commit.files:
            target = path_in(beside, file.name, f"{commit.repo}@{commit.id}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(store.read(commit, file.name))
