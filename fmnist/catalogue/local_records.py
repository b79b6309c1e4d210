"""Small records of one machine, by kind and name: its servers, how far its watchers came."""

from sqlalchemy import delete, insert, select

from fmnist.catalogue.database import Database
from fmnist.catalogue.schema import LOCAL_RECORDS as TABLE


class LocalRecord:
    """One record's text; each change is on disk when the call returns, or did not happen."""

    def __init__(self, database: Database, kind: str, name: str) -> None:
        self._database = database
        self._key = {"kind": kind, "name": name}

    def __str__(self) -> str:
        return f"{self._database.name}, {self._key['kind']} {self._key['name']}"

    def read(self) -> str | None:
        """The text; None if there is none."""
        query = select(TABLE.c.content).filter_by(**self._key)
        with self._database.reading() as connection:
            return connection.scalar(query) if connection else None

    def write(self, content: str) -> None:
        """Replace the text."""
        with self._database.writing() as connection:
            connection.execute(delete(TABLE).filter_by(**self._key))
            connection.execute(insert(TABLE).values(**self._key, content=content))

    def delete(self) -> None:
        """Remove the record, if there is one."""
        with self._database.reading() as connection:
            if connection is None:
                return
        with self._database.writing() as connection:
            connection.execute(delete(TABLE).filter_by(**self._key))
