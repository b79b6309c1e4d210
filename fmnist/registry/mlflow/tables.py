"""Tables of MLflow's registry, read without MLflow, whose import takes longer than our commands do.

They have looked like this since MLflow 2.3. Everything that writes goes through MLflow's client.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, column, create_engine, inspect, select, table

from fmnist.clients.mlflow import errors_mapped
from fmnist.settings.types import sqlite_file

_SECONDS = 30
_CONNECT_SECONDS = 10
_DELETED = "Deleted_Internal"
"""Stage of versions that were deleted, whose rows stay."""

_MODELS = table("registered_models", column("name"))
_ALIASES = table("registered_model_aliases", column("name"), column("alias"), column("version"))
_VERSIONS = table(
    "model_versions",
    *map(column, ("name", "version", "creation_time", "current_stage", "source")),
)
_TAGS = table("model_version_tags", column("name"), column("version"), column("key"), column("value"))


@dataclass(frozen=True)
class VersionRow:
    """A version as MLflow has it; ``created`` is in milliseconds since 1970."""

    model: str
    number: int
    created: int
    source: str
    tags: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"version {self.number} of {self.model}"


class RegistryTables:
    """The registry's content; a database that does not exist is empty, and stays absent."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._file = sqlite_file(address)

    @property
    def is_absent(self) -> bool:
        return self._file is not None and not self._file.exists()

    def models(self) -> list[str]:
        """Names of all models, sorted."""
        with self._connected() as connection:
            return sorted(connection.scalars(select(_MODELS.c.name))) if connection else []

    def alias(self, model: str, alias: str) -> int | None:
        """Number of the version that has the alias."""
        query = select(_ALIASES.c.version).where(_ALIASES.c.name == model, _ALIASES.c.alias == alias)
        with self._connected() as connection:
            number = connection.scalar(query) if connection else None
        return None if number is None else int(number)

    def versions(self, model: str, number: int | None = None) -> list[VersionRow]:
        """The model's versions, newest first; that of ``number`` alone if given."""
        rows, tags = select(_VERSIONS).where(_VERSIONS.c.name == model), select(_TAGS)
        tags = tags.where(_TAGS.c.name == model)
        if number is not None:
            rows, tags = rows.where(_VERSIONS.c.version == number), tags.where(_TAGS.c.version == number)
        by_number: dict[int, dict[str, str]] = defaultdict(dict)
        with self._connected() as connection:
            if connection is None:
                return []
            for tag in connection.execute(tags):
                by_number[tag.version][tag.key] = tag.value
            return [
                VersionRow(model, row.version, row.creation_time, row.source or "", by_number[row.version])
                for row in connection.execute(rows.order_by(_VERSIONS.c.version.desc()))
                if row.current_stage != _DELETED
            ]

    @contextmanager
    def _connected(self) -> Iterator[Connection | None]:
        """Connect for the block; gives None where there are no tables yet."""
        if self.is_absent:
            yield None
            return
        with errors_mapped(self._address), self._engine.connect() as connection:
            yield connection if inspect(connection).has_table("model_versions") else None

    @cached_property
    def _engine(self) -> Engine:
        if self._file is None:
            return create_engine(
                self._address, poolclass=NullPool, connect_args={"connect_timeout": _CONNECT_SECONDS}
            )
        return create_engine("sqlite://", poolclass=NullPool, creator=self._open_file)

    def _open_file(self) -> Any:
        """Open without creating; also works where the file or its folder cannot be written."""
        return sqlite3.connect(f"file:{quote(str(self._file))}?mode=rw", uri=True, timeout=_SECONDS)
