"""Records of one machine, by kind and name: its servers, how far its watchers came."""

from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import delete, insert, select

from fmnist.catalogue.database import Database
from fmnist.catalogue.schema import LOCAL_RECORDS as TABLE
from fmnist.errors import IntegrityError
from fmnist.files.documents import parse_record, record_text

Form = TypeVar("Form")

_SCHEMA = 1


class MachineRecord(Generic[Form]):
    """A frozen dataclass in the catalogue of a home; a change is on disk when the call returns, or not made.

    Until it is written for the first time, the JSON file counts where fmnist kept it before.

    Args:
        kind: with ``name``, the record's key.
        form: its class.
        old_file: that JSON file.
        way_out: what to do when it is damaged, for the message.
    """

    def __init__(
        self, home: Path, kind: str, name: str, form: type[Form], old_file: Path, way_out: str
    ) -> None:
        self._database = Database.of_home(home)
        self._key = {"kind": kind, "name": name}
        self._form: type[Any] = form
        self._old_file = old_file
        self._way_out = way_out

    def __str__(self) -> str:
        return f"{self._database.name}, {self._key['kind']} {self._key['name']}"

    def read(self) -> Form | None:
        """The record; None if there is none.

        Raises:
            IntegrityError: it is damaged.
        """
        query = select(TABLE.c.content).filter_by(**self._key)
        with self._database.reading() as connection:
            content: str | bytes | None = connection.scalar(query) if connection else None
        where = str(self)
        if content is None:
            if not self._old_file.exists():
                return None
            where, content = str(self._old_file), self._old_file.read_bytes()
        try:
            record: Form = parse_record(content, self._form, where, _SCHEMA)
        except IntegrityError as error:
            raise IntegrityError(f"{error}; {self._way_out}") from error
        return record

    def write(self, record: Form) -> None:
        """Replace the record."""
        with self._database.writing() as connection:
            connection.execute(delete(TABLE).filter_by(**self._key))
            connection.execute(insert(TABLE).values(**self._key, content=record_text(record, _SCHEMA)))

    def delete(self) -> None:
        """Remove the record, if there is one."""
        self._old_file.unlink(missing_ok=True)
        with self._database.reading() as connection:
            if connection is None:
                return
        with self._database.writing() as connection:
            connection.execute(delete(TABLE).filter_by(**self._key))
