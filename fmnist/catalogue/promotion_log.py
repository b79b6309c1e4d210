"""The file behind a promotion log: JSON lines that are only ever added.

A line counts once its end is on disk. What a killed writer left of one is no line: readers pass it
over, and the next writer removes it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fmnist.catalogue.history import End, Entry, Event, History, Takeover
from fmnist.core.names import check_model_name
from fmnist.errors import IntegrityError, UnavailableError
from fmnist.files.lock import only_writer

_SCHEMA = 1
_LOCK_SECONDS = 180.0


class PromotionLog:
    """The log of one model, in ``folder``; a model without a file was never promoted."""

    def __init__(self, folder: Path, model: str) -> None:
        check_model_name(model)
        self.model = model
        self.path = folder / f"{model}.jsonl"

    def read(self) -> History:
        """All entries.

        Raises:
            IntegrityError: a line is none of this schema version's; the message names it.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return History()
        *lines, _ = content.split(b"\n")
        return History(tuple(self._entry(number, line) for number, line in enumerate(lines, start=1)))

    @contextmanager
    def held(self) -> Iterator["Writer"]:
        """Be the only writer for the block; also what is written about happens in it.

        Raises:
            TimedOut: another promotion goes on for three minutes.
            IntegrityError: see ``read``.
        """
        lock = self.path.with_suffix(".lock")
        with only_writer(lock, _LOCK_SECONDS, f"promotions of {self.model}"):
            yield Writer(self.path, self.read())

    def _entry(self, number: int, line: bytes) -> Entry:
        try:
            return _from_document(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(
                f"{self.path}, line {number}: not an entry of a promotion log ({error!r}); restore the file"
            ) from error


class Writer:
    """Adds entries to a log that nobody else may write; ``history`` holds them all."""

    def __init__(self, path: Path, history: History) -> None:
        self._path = path
        self.history = history

    def append(self, entry: Entry) -> None:
        """Add an entry; it is on disk when this returns, and no part of it if this raises.

        Raises:
            UnavailableError: the file cannot be written.
        """
        line = json.dumps({"schema_version": _SCHEMA, **asdict(entry)}).encode() + b"\n"
        try:
            _append(self._path, line)
        except OSError as error:
            raise UnavailableError(f"{self._path}: cannot be written: {error}") from error
        self.history = History((*self.history.entries, entry))


def _append(path: Path, line: bytes) -> None:
    is_new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        whole = path.read_bytes().rfind(b"\n") + 1
        os.ftruncate(handle, whole)
        try:
            if os.write(handle, line) != len(line):
                raise OSError("the disk took only a part of the line")
            os.fsync(handle)
        except BaseException:
            os.ftruncate(handle, whole)
            raise
    finally:
        os.close(handle)
    if is_new:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _from_document(raw: Any) -> Entry:
    if raw["schema_version"] != _SCHEMA:
        raise ValueError(f"schema_version is {raw['schema_version']}, this fmnist reads {_SCHEMA}")
    by = raw["takeover"]
    takeover = Takeover(**{**by, "ends": None if by["ends"] is None else End(by["ends"])})
    return Entry(raw["time"], Event(raw["event"]), takeover, raw["note"])
