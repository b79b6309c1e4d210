"""MLflow as tracker of trainings: SQLite in the home folder, or Postgres by address."""

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


def open_client(settings: Settings) -> "MlflowClient":
    """A client whose database exists and is of MLflow's present schema.

    Under a lock, because processes that open a fresh database at the same time break each
    other's migrations ("duplicate column name").
    """
    # Read when mlflow is imported: it would send usage figures out, and tell of each table it makes.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient

    settings.home.mkdir(parents=True, exist_ok=True)
    with Path(settings.home / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        client = MlflowClient(tracking_uri=settings.tracking_uri, registry_uri=settings.tracking_uri)
        client.search_experiments(max_results=1)
    return client
