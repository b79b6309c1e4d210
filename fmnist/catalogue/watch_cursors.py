"""Cursors: how far a watcher has come, remembered between its runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field

from fmnist.catalogue.machine_records import MachineRecord
from fmnist.core.names import check_model_name, check_repo

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class SeenCommits:
    """Ids of the last commits of a data repo that were handled, oldest first."""

    seen: tuple[str, ...]


@dataclass(frozen=True)
class SeenVersion:
    """Number of the last version of a model that was handled; 0 before the first."""

    seen: Annotated[int, Field(ge=0)]


class Cursor(Generic[Seen]):
    """The last that a watcher has handled; None before its first run."""

    def __init__(self, form: type[Any], home: Path, kind: str, name: str, old_file: str, first: str) -> None:
        way_out = f"say where to begin: --from {first}"
        self._form = form
        self._record: MachineRecord[Any] = MachineRecord(home, kind, name, form, home / old_file, way_out)

    def __str__(self) -> str:
        return str(self._record)

    def read(self) -> Seen | None:
        """The last handled; None before the first watch.

        Raises:
            IntegrityError: the record holds something else.
        """
        record = self._record.read()
        return record.seen if record else None

    def write(self, seen: Seen) -> None:
        """Move the cursor."""
        self._record.write(self._form(seen))


CommitCursor = Cursor[tuple[str, ...]]
"""Cursor of a data repo's watcher: ids of commits, oldest first."""

VersionCursor = Cursor[int]
"""Cursor of a model's watcher: number of a version, 0 before the first."""


def commit_cursor(home: Path, repo: str) -> CommitCursor:
    """Cursor of the data repo's watcher in that home."""
    check_repo(repo)
    return Cursor(SeenCommits, home, "cursor of data repo", repo, f"watch/{repo}.json", "COMMIT")


def version_cursor(home: Path, model: str) -> VersionCursor:
    """Cursor of the model's watcher in that home."""
    check_model_name(model)
    return Cursor(SeenVersion, home, "cursor of model", model, f"pipelines/{model}.json", "VERSION")
