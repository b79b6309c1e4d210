"""Cursors: how far a watcher has come, remembered between its runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field

from fmnist.catalogue.database import Database
from fmnist.catalogue.local_records import LocalRecord
from fmnist.core.names import check_model_name, check_repo
from fmnist.errors import IntegrityError
from fmnist.files.documents import parse_record, record_text

Seen = TypeVar("Seen")

_SCHEMA = 1


@dataclass(frozen=True)
class SeenCommits:
    """Ids of the last commits of a data repo that were handled, oldest first."""

    seen: tuple[str, ...]


@dataclass(frozen=True)
class SeenVersion:
    """Number of the last version of a model that was handled; 0 before the first."""

    seen: Annotated[int, Field(ge=0)]


class Cursor(Generic[Seen]):
    """The last that a watcher has handled, in the catalogue of its home.

    Until it is written for the first time, the JSON file counts where fmnist kept it before.
    """

    def __init__(self, form: type[Any], record: LocalRecord, old_file: Path, first: str) -> None:
        self._form = form
        self._record = record
        self._old_file = old_file
        self._first = first

    def __str__(self) -> str:
        return str(self._record)

    def read(self) -> Seen | None:
        """The last handled; None before the first watch.

        Raises:
            IntegrityError: the record holds something else.
        """
        content: str | bytes | None = self._record.read()
        name = str(self)
        if content is None:
            if not self._old_file.exists():
                return None
            name, content = str(self._old_file), self._old_file.read_bytes()
        try:
            seen: Seen = parse_record(content, self._form, name, _SCHEMA).seen
        except IntegrityError as error:
            raise IntegrityError(
                f"{name}: not a watcher's cursor; say where to begin: --from {self._first}"
            ) from error
        return seen

    def write(self, seen: Seen) -> None:
        """Move the cursor."""
        self._record.write(record_text(self._form(seen), _SCHEMA))


CommitCursor = Cursor[tuple[str, ...]]
"""Cursor of a data repo's watcher: ids of commits, oldest first."""

VersionCursor = Cursor[int]
"""Cursor of a model's watcher: number of a version, 0 before the first."""


def commit_cursor(home: Path, repo: str) -> CommitCursor:
    """Cursor of the data repo's watcher in that home."""
    check_repo(repo)
    record = LocalRecord(Database.of_home(home), "cursor of data repo", repo)
    return Cursor(SeenCommits, record, home / "watch" / f"{repo}.json", "COMMIT")


def version_cursor(home: Path, model: str) -> VersionCursor:
    """Cursor of the model's watcher in that home."""
    check_model_name(model)
    record = LocalRecord(Database.of_home(home), "cursor of model", model)
    return Cursor(SeenVersion, record, home / "pipelines" / f"{model}.json", "VERSION")
