"""Reads and writes of DVC's cache of a data repo; the hash of every object is verified."""

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from fmnist.data.base import Commit, StoredFile
from fmnist.errors import IntegrityError, UnavailableError
from fmnist.files.atomic import disk_errors, sha256_of, sync, write_atomically

FILES = "files"
POINTER = "files.dvc"

_OBJECT = re.compile(r"[0-9a-f]{32}(\.dir)?")
_READ_ONLY = 0o444


@contextmanager
def engine_errors(repo: str) -> Iterator[None]:
    """Raises UnavailableError for what DVC or the disk refuses in the block."""
    from dvc.exceptions import DvcException

    try:
        with disk_errors():
            yield
    except (DvcException, UnavailableError) as error:
        raise UnavailableError(f"data repo {repo} cannot be written: {error}; it is as it was") from error


def object_name(oid: str) -> str:
    """Where DVC keeps an object, below a cache or a remote.

    Raises:
        IntegrityError: this is no object's id.
    """
    if not _OBJECT.fullmatch(oid):
        raise IntegrityError(f"{oid!r} is no id of an object in DVC's cache, expected an MD5")
    return f"files/md5/{oid[:2]}/{oid[2:]}"


def is_object(content: bytes, oid: str) -> bool:
    """Whether the bytes have the MD5 that is the object's id."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest() == oid.removesuffix(".dir")


def listing_of(pointer: bytes, where: str) -> str:
    """The id of the object that lists a commit's files, as DVC's ``pointer`` names it.

    Raises:
        IntegrityError: it is no pointer to a folder; names ``where`` it is from.
    """
    try:
        (out,) = yaml.safe_load(pointer)["outs"]
        listing = str(out["md5"])
        object_name(listing)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, IntegrityError) as error:
        raise IntegrityError(f"{where}: {POINTER} is damaged: {error!r}") from error
    return listing


class DvcCache:
    """The cache of the data repo in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache = folder / ".dvc/cache"

    def path(self, oid: str) -> Path:
        """The file of an object, which may be missing."""
        return self._cache / object_name(oid)

    def add(self, stored: tuple[StoredFile, ...]) -> list[str]:
        """``dvc add files``; names the files whose cached object is damaged, after dropping these."""
        with _opened(self._folder) as repo:
            (stage,) = repo.add(str(self._folder / FILES))
            (out,) = stage.outs
            listing = out.hash_info.value
            objects = {"/".join(key): entry.value for key, _, entry in out.get_obj()}
        damaged = {}
        if not is_object(self.path(listing).read_bytes(), listing):
            damaged[FILES] = listing
        for file in stored:
            if sha256_of(self.path(objects[file.name])) != file.sha256:
                damaged[file.name] = objects[file.name]
        for oid in damaged.values():
            self.path(oid).unlink(missing_ok=True)
        if not damaged:
            self._sync([listing, *objects.values()])
        return list(damaged)

    def keep(self, oid: str, content: bytes) -> None:
        """Put an object's bytes into the cache."""
        write_atomically(self.path(oid), content)
        self.path(oid).chmod(_READ_ONLY)

    def entries(self, commit: Commit, listing: str) -> dict[str, str]:
        """The id of each file's object by the file's name, as the object ``listing`` lists them.

        Raises:
            IntegrityError: the listing is missing or damaged, or lists other files than the commit's.
        """
        content = self._read(commit, listing, "its listing")
        if not is_object(content, listing):
            raise self._unreadable(commit, "its listing", "damaged")
        try:
            entries = {str(entry["relpath"]): str(entry["md5"]) for entry in json.loads(content)}
            for oid in entries.values():
                object_name(oid)
        except (KeyError, TypeError, ValueError, IntegrityError) as error:
            raise self._unreadable(commit, "its listing", repr(error)) from error
        if entries.keys() != {file.name for file in commit.files}:
            raise self._unreadable(commit, "its listing", f"it lists {', '.join(entries)}")
        return entries

    def read(self, commit: Commit, listing: str, name: str) -> bytes:
        """The file's bytes; nothing that DVC remembers of earlier looks is believed."""
        return self._read(commit, self.entries(commit, listing)[name], name)

    def _read(self, commit: Commit, oid: str, what: str) -> bytes:
        try:
            return self.path(oid).read_bytes()
        except OSError as error:
            raise self._unreadable(commit, what, error) from error

    def _unreadable(self, commit: Commit, what: str, problem: object) -> IntegrityError:
        return IntegrityError(
            f"{commit.repo}@{commit.id}: {what} is recorded but cannot be read from {self._cache} "
            f"({problem}); put the same files again to restore it"
        )

    def _sync(self, oids: list[str]) -> None:
        """Let objects survive a power cut; DVC leaves that to chance."""
        paths = {self.path(oid) for oid in oids}
        folders = {folder for path in paths for folder in path.parents if folder.is_relative_to(self._folder)}
        for path in paths | folders:
            sync(path)


@contextmanager
def _opened(folder: Path) -> Iterator[Any]:
    """DVC's view of the repo; it prints nothing."""
    from dvc.logger import set_loggers_level
    from dvc.repo import Repo

    config = {
        "core": {"site_cache_dir": str(folder / ".dvc/tmp/site"), "autostage": False, "no_scm": False},
        "cache": {"dir": str(folder / ".dvc/cache"), "type": "reflink,hardlink,copy"},
    }
    with set_loggers_level(logging.CRITICAL), _without_state(), Repo(str(folder), config=config) as repo:
        yield repo


@contextmanager
def _without_state() -> Iterator[None]:
    """Open DVC without its memory of files' hashes.

    On a full disk it is written again and again, for ever (diskcache 5.6.3); nothing here relies on it.
    """
    from dvc_data.hashfile import state

    kept: Any = state.State
    vars(state)["State"] = lambda *_: state.StateNoop()
    try:
        yield
    finally:
        vars(state)["State"] = kept
