"""Kinds of values that settings have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator, BeforeValidator

_SQLITE = "sqlite:///"


class DataEngine(StrEnum):
    """Engines that version data."""

    DVC = "dvc"
    PACHYDERM = "pachyderm"


class Tracker(StrEnum):
    """Engines that record runs."""

    MLFLOW = "mlflow"
    WANDB = "wandb"
    DETERMINED = "determined"


class Registry(StrEnum):
    """Engines that keep model versions."""

    MLFLOW = "mlflow"
    DETERMINED = "determined"


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("expected a path, found a user without a home folder") from error


def _folder(path: Path) -> Path:
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    if not nearest.is_dir():
        raise ValueError(f"expected a folder, but {nearest} is a file")
    return path


def _port(value: Any) -> int:
    text = str(value)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ValueError("expected a port number, 1-65535")
    return int(text)


def _database(address: str) -> str:
    """Postgres's own form of address, which SQLAlchemy 2.1 would take for a driver that is not locked."""
    for scheme in ("postgresql://", "postgres://"):
        if address.startswith(scheme):
            return f"postgresql+psycopg2://{address.removeprefix(scheme)}"
    return address


def sqlite_address(file: Path) -> str:
    """SQLAlchemy's address of a SQLite file: it decodes %XX, and cuts the path at a question mark."""
    return f"{_SQLITE}{str(file).replace('%', '%25').replace('?', '%3F')}"


def sqlite_file(address: str) -> Path | None:
    """The file of a SQLite database's address; None for other databases."""
    path = address.removeprefix(_SQLITE)
    return Path(unquote(path.partition("?")[0])) if path != address else None


AnyPath = Annotated[Path, AfterValidator(_absolute)]
Folder = Annotated[AnyPath, AfterValidator(_folder)]
Port = Annotated[int, BeforeValidator(_port)]
Database = Annotated[str, AfterValidator(_database)]
