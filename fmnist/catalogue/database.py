"""Database of the catalogue: opened, migrated when that is due, locked for one writer."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from fmnist.catalogue.schema import REVISION
from fmnist.errors import ConfigError, IntegrityError, TimedOut, UnavailableError
from fmnist.files.lock import only_writer
from fmnist.settings.types import sqlite_address

FILE = "catalogue.db"
"""Name of the SQLite file in a home."""

_SECONDS = 30
_CONNECT_SECONDS = 10
_POLL_SECONDS = 0.2
_READ_ONLY = "fmnist_read_only"
_MIGRATING = 0x666D6E6973740001
"""Number of the advisory lock that whoever migrates a Postgres holds."""


class Database:
    """A SQLite file or a Postgres database with the catalogue's tables.

    The first write makes file, folder and tables; reading makes nothing, but brings older tables up to
    date.
    """

    def __init__(self, uri: str) -> None:
        """Raises ConfigError if ``uri`` is not the address of a SQLite file or a Postgres database."""
        try:
            self._url: URL = make_url(uri)
        except ArgumentError:
            raise ConfigError(_EXPECTED) from None
        if self._url.get_backend_name() not in ("sqlite", "postgresql") or not self._url.database:
            raise ConfigError(_EXPECTED)
        self._is_current = False

    @classmethod
    def of_home(cls, home: Path) -> "Database":
        """The SQLite file of a home, for what concerns its machine alone."""
        return cls(sqlite_address(home / FILE))

    @property
    def name(self) -> str:
        """File, or address without the password, for messages."""
        return str(self._file or self._url.render_as_string(hide_password=True))

    @contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """Connect for the block; gives None if nothing was ever written.

        Raises:
            IntegrityError: it is damaged, or of a newer fmnist.
            UnavailableError: it cannot be reached.
        """
        with self.errors_mapped():
            if not self._prepare(create=False):
                yield None
                return
            with self._engine.connect() as connection:
                yield connection.execution_options(**{_READ_ONLY: True})

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Connect for the block, which is one transaction; raises as ``reading`` does."""
        with self.errors_mapped():
            self._prepare(create=True)
            with self._engine.begin() as connection:
                yield connection

    @contextmanager
    def only_writer(self, name: str, seconds: float) -> Iterator[Connection]:
        """Keep other writers of ``name`` out for the block, which may take minutes, and give a connection.

        A lock file beside a SQLite file, an advisory lock of that very connection to a Postgres: both end
        with this process, and a connection that breaks off can't write without its lock.

        Raises:
            TimedOut: another process holds it for ``seconds``.
        """
        with ExitStack() as held:
            with self.errors_mapped():
                self._prepare(create=True)
                if self._file:
                    lock = self._file.with_name(f"{self._file.name}.{name.replace(' ', '-')}.lock")
                    held.enter_context(only_writer(lock, seconds, name))
                connection = held.enter_context(self._engine.connect())
                if not self._file:
                    self._wait_for_lock(connection, name, seconds)
            yield connection

    def _wait_for_lock(self, connection: Connection, name: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        attempt = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
        while True:
            with connection.begin():
                if connection.scalar(attempt, {"name": f"fmnist {name}"}):
                    return
            if time.monotonic() >= deadline:
                raise TimedOut(
                    f"{name}: another process has been writing for {seconds:.0f} s ({self.name}); try again"
                )
            time.sleep(_POLL_SECONDS)

    def _prepare(self, create: bool) -> bool:
        """Migrate older tables, and make missing ones if ``create``; whether they are there."""
        if self._is_current:
            return True
        if self._file and create:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        if self._file and not self._file.exists() and not create:
            return False
        with self._engine.connect() as connection:
            revision = _revision(connection.execution_options(**{_READ_ONLY: True}))
        if revision is None and not create:
            return False
        if revision != REVISION:
            self._migrate()
        self._is_current = True
        return True

    def _migrate(self) -> None:
        """Bring the tables up to date in one transaction, while no other process does."""
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        # By the package's name: in a folder's, Alembic would read a percent sign as its own.
        config.set_main_option("script_location", "fmnist.catalogue:migrations")
        with self._engine.begin() as connection:
            if not self._file:
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATING})
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise IntegrityError(
                    f"{self.name}: the catalogue has revision {_revision(connection)}, this fmnist knows "
                    f"those up to {REVISION}; use the fmnist that wrote it"
                ) from error

    @property
    def _file(self) -> Path | None:
        is_file = self._url.get_backend_name() == "sqlite"
        return Path(self._url.database or "") if is_file else None

    @cached_property
    def _engine(self) -> Engine:
        if not self._file:
            options = f"-c statement_timeout={_SECONDS}s"
            arguments = {"connect_timeout": _CONNECT_SECONDS, "options": options}
            return create_engine(self._url, poolclass=NullPool, connect_args=arguments)
        engine = create_engine(self._url, poolclass=NullPool, connect_args={"timeout": _SECONDS})
        event.listen(engine, "connect", _without_implicit_transactions)
        event.listen(engine, "begin", _begin)
        return engine

    @contextmanager
    def errors_mapped(self) -> Iterator[None]:
        """Raise SQLAlchemy's errors in the block as ours; see ``reading``."""
        try:
            yield
        except OperationalError as error:
            raise UnavailableError(f"{self.name}: {error.orig}") from error
        except DatabaseError as error:
            raise IntegrityError(f"{self.name}: not a catalogue of this fmnist: {error.orig}") from error
        except OSError as error:
            raise UnavailableError(f"{self.name}: cannot be written: {error}") from error


_EXPECTED = "FMNIST_CATALOGUE_URI: expected sqlite:////PATH or postgresql://USER:PASSWORD@HOST/DATABASE"


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _without_implicit_transactions(connection: sqlite3.Connection, _record: object) -> None:
    """Keep pysqlite from beginning and committing by itself, which would tear a migration apart."""
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    """Lock a SQLite file for writing at once: one that reads first could not go on when another wrote."""
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
