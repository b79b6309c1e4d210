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
    except FileNotFoundError as error:
        raise ValueError("expected an absolute path, because the current folder was deleted") from error


def _folder(path: Path) -> Path:
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    if not nearest.is_dir():
        raise ValueError(f"expected a folder, but {nearest} is a file")
    return path


def _port(value: Any) -> int:
    if not _is_port(str(value)):
        raise ValueError("expected a port number, 1-65535")
    return int(value)


def _is_port(text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) <= 65535


def _database(address: str) -> str:
    """Postgres's own form of address, which SQLAlchemy 2.1 would take for a driver that is not locked."""
    scheme, separator, rest = address.partition("://")
    place, _, database = rest.rpartition("@")[2].partition("/")
    port = place.rpartition(":")[2] if ":" in place and not place.endswith("]") else "5432"
    is_sqlite = scheme == "sqlite" and not place
    is_postgres = scheme.partition("+")[0] in ("postgres", "postgresql") and _is_port(port)
    if not separator or not database.partition("?")[0] or not (is_sqlite or is_postgres):
        raise ValueError("expected sqlite:////PATH/FILE or postgresql://USER@HOST:PORT/DATABASE")
    if scheme in ("postgres", "postgresql"):
        return f"postgresql+psycopg2://{rest}"
    return address


def _storage(place: str) -> str:
    scheme, separator, path = place.partition("://")
    if separator and (
        scheme not in ("s3", "gs", "file") or (not path.partition("/")[0] and scheme != "file")
    ):
        raise ValueError("expected a folder, s3://BUCKET/FOLDER or gs://BUCKET/FOLDER")
    return place


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
Storage = Annotated[str, AfterValidator(_storage)]
Database = Annotated[str, AfterValidator(_database)]
