"""Reads and writes of DVC's cache of a data repo; the hash of every object is verified."""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from fmnist.data.base import Commit, StoredFile
from fmnist.errors import IntegrityError, UnavailableError
from fmnist.files.atomic import sha256_of

FILES = "files"
POINTER = "files.dvc"


@contextmanager
def engine_errors(repo: str) -> Iterator[None]:
    """Raises UnavailableError for what DVC or the disk refuses in the block."""
    from dvc.exceptions import DvcException

    try:
        yield
    except (DvcException, OSError) as error:
        raise UnavailableError(f"data repo {repo} cannot be written: {error}; it is as it was") from error


@contextmanager
def opened(folder: Path, rev: str | None = None) -> Iterator[Any]:
    """DVC's view of the repo, at ``rev`` or in the work tree; it prints nothing."""
    from dvc.logger import set_loggers_level
    from dvc.repo import Repo

    config = {
        "core": {"site_cache_dir": str(folder / ".dvc/tmp/site"), "autostage": False, "no_scm": False},
        "cache": {"dir": str(folder / ".dvc/cache"), "type": "reflink,hardlink,copy"},
    }
    with set_loggers_level(logging.CRITICAL), Repo(str(folder), rev=rev, config=config) as repo:
        yield repo


def object_path(folder: Path, oid: str) -> Path:
    """Where DVC keeps an object, below a data repo's cache."""
    return folder / ".dvc/cache" / object_name(oid)


def object_name(oid: str) -> str:
    """Where DVC keeps an object, below a cache or a remote."""
    return f"files/md5/{oid[:2]}/{oid[2:]}"


def is_object(content: bytes, oid: str) -> bool:
    """Whether the bytes are what an object's id, an MD5, says."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest() == oid.removesuffix(".dir")


@lru_cache
def listing_of(folder: Path, commit: Commit) -> str:
    """The id of the object that lists the commit's files; the object itself may be missing.

    Remembered, as a commit never changes and DVC takes half a second to say it.
    """
    with opened(folder, commit.id) as repo:
        (out,) = repo.find_outs_by_path(f"/{FILES}")
        listing: str = out.hash_info.value
        return listing


def entries_of(listing: bytes) -> dict[str, str]:
    """The id of each file's object, by the file's name."""
    return {entry["relpath"]: entry["md5"] for entry in json.loads(listing)}


def add(folder: Path, stored: tuple[StoredFile, ...]) -> list[str]:
    """``dvc add files``; names the files whose cached object is damaged, after dropping these."""
    with opened(folder) as repo:
        (stage,) = repo.add(str(folder / FILES))
        (out,) = stage.outs
        listing = out.hash_info.value
        objects = {"/".join(key): entry.value for key, _, entry in out.get_obj()}
    damaged = {}
    if not is_object(object_path(folder, listing).read_bytes(), listing):
        damaged[FILES] = listing
    for file in stored:
        if sha256_of(object_path(folder, objects[file.name])) != file.sha256:
            damaged[file.name] = objects[file.name]
    for oid in damaged.values():
        object_path(folder, oid).unlink(missing_ok=True)
    return list(damaged)


def read_entries(folder: Path, commit: Commit) -> tuple[str, dict[str, str]]:
    """The commit's listing and, by name, the objects that it lists.

    Raises:
        IntegrityError: the listing is missing or damaged.
    """
    listing = listing_of(folder, commit)
    try:
        content = object_path(folder, listing).read_bytes()
    except OSError as error:
        raise _unreadable(folder, commit, "its listing", error) from error
    if not is_object(content, listing):
        raise _unreadable(folder, commit, "its listing", "damaged")
    return listing, entries_of(content)


def read_cached(folder: Path, commit: Commit, name: str) -> bytes:
    """The file's bytes in the cache; nothing that DVC remembers of earlier looks is believed."""
    _, entries = read_entries(folder, commit)
    try:
        return object_path(folder, entries[name]).read_bytes()
    except OSError as error:
        raise _unreadable(folder, commit, name, error) from error


def _unreadable(folder: Path, commit: Commit, what: str, problem: object) -> IntegrityError:
    return IntegrityError(
        f"{commit.repo}@{commit.id}: {what} is recorded but cannot be read from "
        f"{folder / '.dvc/cache'} ({problem}); put the same files again to restore it"
    )


def check_content(content: bytes, stored: StoredFile, commit: Commit) -> None:
    """Raises IntegrityError unless these are the bytes that the commit recorded."""
    sha256 = hashlib.sha256(content).hexdigest()
    if (len(content), sha256) != (stored.size, stored.sha256):
        raise IntegrityError(
            f"{commit.repo}@{commit.id}: {stored.name} has {len(content)} bytes with SHA-256 {sha256}, "
            f"recorded were {stored.size} bytes with {stored.sha256}; put the same files again to restore it"
        )
