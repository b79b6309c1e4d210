"""MLflow: its client, and its errors as ours."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fmnist.errors import UnavailableError
from fmnist.files.lock import only_writer
from fmnist.settings import Settings
from fmnist.settings.types import sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

_CONNECT_SECONDS = 10
_LOCK_SECONDS = 120.0
_ERRORS = (
    ("mlflow.exceptions", "MlflowException"),
    ("sqlalchemy.exc", "SQLAlchemyError"),
    ("sqlalchemy.exc", "DontWrapMixin"),
    ("sqlalchemy.exc", "EmulatedDBAPIException"),
    ("alembic.util.exc", "CommandError"),
)


def open_client(settings: Settings) -> "MlflowClient":
    """A client whose database exists and has MLflow's current schema.

    Under a lock, because processes that open a fresh database at the same time break each
    other's migrations ("duplicate column name").
    """
    # Read when mlflow is imported, which would otherwise send usage figures and log each new table.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient

    with only_writer(settings.home / "mlflow.lock", _LOCK_SECONDS, "MLflow's database"):
        address = settings.tracking_uri
        _check_reachable(address)
        if file := sqlite_file(address):
            # By this name of the same driver: MLflow makes the folder of a plain sqlite:/// itself, of the
            # encoded path (3.17, _make_parent_dirs_if_sqlite).
            file.parent.mkdir(parents=True, exist_ok=True)
            address = address.replace("sqlite:", "sqlite+pysqlite:", 1)
        with _migrations_below_any_folder():
            client = MlflowClient(tracking_uri=address, registry_uri=address)
            client.search_experiments(max_results=1)
    return client


@contextmanager
def _migrations_below_any_folder() -> Iterator[None]:
    """Let MLflow (3.17) name its migrations' folder where a percent sign is in the path.

    It escapes the database's address for Alembic's configuration file (_get_alembic_config), not the folder.
    """
    import mlflow

    if "%" not in mlflow.__file__:
        yield
        return
    from alembic.config import Config

    set_main_option = Config.set_main_option

    def escaped(self: Config, name: str, value: str) -> None:
        set_main_option(self, name, value.replace("%", "%%") if name == "script_location" else value)

    Config.set_main_option = escaped  # type: ignore[method-assign]
    try:
        yield
    finally:
        Config.set_main_option = set_main_option  # type: ignore[method-assign]


@contextmanager
def errors_mapped(address: str) -> Iterator[None]:
    """Raise MLflow's and its database's errors as UnavailableError, which names the address."""
    try:
        yield
    except Exception as error:
        # Not by import: mlflow is imported by open_client alone, which silences it.
        known = [getattr(sys.modules[module], name) for module, name in _ERRORS if module in sys.modules]
        if not isinstance(error, tuple(known)):
            raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UnavailableError(f"MLflow at {address}: {reason}; is it reachable and writable?") from error


def _check_reachable(address: str) -> None:
    """Fail at once if a database server is not there; MLflow would try for 100 seconds."""
    if not address.startswith("postgresql"):
        return
    import sqlalchemy

    engine = sqlalchemy.create_engine(address, connect_args={"connect_timeout": _CONNECT_SECONDS})
    try:
        engine.connect().close()
    finally:
        engine.dispose()
