"""Promotion history of a model in the catalogue: read by everyone, added to by one process at a time."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from fmnist.catalogue.database import Database
from fmnist.catalogue.promotions import (
    EventType,
    History,
    PromotionEvent,
    Takeover,
    TakeoverKind,
    TenureOutcome,
)
from fmnist.catalogue.schema import PROMOTIONS
from fmnist.core.names import check_model_name
from fmnist.errors import IntegrityError

_LOCK_SECONDS = 180.0
_OLD_SCHEMA = 1


class PromotionLog:
    """Promotion history of one model.

    A model without rows has the history of its JSON lines in ``old_files``, where fmnist kept it before;
    the first writer copies them into the table, and from then on the file is ignored.
    """

    def __init__(self, database: Database, model: str, old_files: Path) -> None:
        check_model_name(model)
        self.model = model
        self._database = database
        self._old_file = old_files / f"{model}.jsonl"

    def read(self) -> History:
        """All events.

        Raises:
            IntegrityError: a row or a line of the old file is damaged; the message names it.
            UnavailableError: the database cannot be reached.
        """
        with self._database.reading() as connection:
            events = self._rows(connection) if connection else ()
        return History(events or _read_old(self._old_file))

    @contextmanager
    def held(self) -> Iterator["Writer"]:
        """Be the only writer for the block, and so the only one who promotes.

        Raises:
            TimedOut: another promotion has been running for three minutes.
            IntegrityError: see ``read``.
        """
        with self._database.only_writer(f"promotions of {self.model}", _LOCK_SECONDS) as connection:
            writer = Writer(self.model, self._database, connection)
            with self._database.errors_mapped(), connection.begin():
                events = self._rows(connection)
                if not events:
                    events = _read_old(self._old_file)
                    writer.insert(events)
            writer.history = History(events)
            yield writer

    def _rows(self, connection: Connection) -> tuple[PromotionEvent, ...]:
        query = select(PROMOTIONS).where(PROMOTIONS.c.model == self.model).order_by(PROMOTIONS.c.id)
        return tuple(self._event(dict(row)) for row in connection.execute(query).mappings())

    def _event(self, row: dict[str, Any]) -> PromotionEvent:
        outcome = row["previous_outcome"]
        try:
            takeover = Takeover(
                row["version"],
                row["bundle_sha256"],
                row["who"],
                row["reason"],
                None if outcome is None else TenureOutcome(outcome),
                TakeoverKind(row["kind"]),
                row["place"],
            )
            return PromotionEvent(row["time"], EventType(row["event"]), takeover, row["note"])
        except ValueError as error:
            raise IntegrityError(
                f"{self._database.name}, promotions, row {row['id']}: not an event of this fmnist ({error})"
            ) from error


class Writer:
    """Adds events to a history that nobody else may write; ``history`` holds them all."""

    def __init__(self, model: str, database: Database, connection: Connection) -> None:
        self.history = History()
        self._model = model
        self._database = database
        self._connection = connection

    def append(self, event: PromotionEvent) -> None:
        """Add an event; it is on disk when this returns, and not there at all if this raises.

        Raises:
            UnavailableError: the database cannot be written.
        """
        with self._database.errors_mapped(), self._connection.begin():
            self.insert([event])
        self.history = History((*self.history.events, event))

    def insert(self, events: Sequence[PromotionEvent]) -> None:
        """Add rows in the connection's transaction."""
        for event in events:
            values = {"time": event.time, "event": event.event, "note": event.note, **asdict(event.takeover)}
            self._connection.execute(insert(PROMOTIONS).values(model=self._model, **values))


def _read_old(path: Path) -> tuple[PromotionEvent, ...]:
    """The events of JSON lines, oldest first; what a killed writer left of a line is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    *lines, _ = content.split(b"\n")
    return tuple(_old_event(path, number, line) for number, line in enumerate(lines, start=1))


def _old_event(path: Path, number: int, line: bytes) -> PromotionEvent:
    try:
        raw = json.loads(line)
        if raw["schema_version"] != _OLD_SCHEMA:
            raise ValueError(f"schema_version is {raw['schema_version']}, this fmnist reads {_OLD_SCHEMA}")
        fields = dict(raw["takeover"])
        ends = fields.pop("ends")
        outcome = None if ends is None else TenureOutcome(ends)
        takeover = Takeover(**fields, previous_outcome=outcome)
        return PromotionEvent(raw["time"], EventType(raw["event"]), takeover, raw["note"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{path}, line {number}: not an entry of a promotion log ({error!r}); restore the file"
        ) from error
