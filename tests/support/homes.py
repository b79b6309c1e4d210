"""Homes whose MLflow database exists already: making one takes seconds, copying it none."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from fmnist import settings
from fmnist.clients.mlflow import open_client
from fmnist.settings import Settings


def make_home(folder: Path) -> Settings:
    """Settings for a home in ``folder``, whose database is empty."""
    own = settings.from_environment({"FMNIST_HOME": str(folder)})
    own.home.mkdir(parents=True)
    (own.home / "mlflow.db").write_bytes(_empty_database())
    return own


@cache
def _empty_database() -> bytes:
    folder = Path(tempfile.mkdtemp(prefix="fmnist-test-home-"))
    try:
        open_client(settings.from_environment({"FMNIST_HOME": str(folder)}))
        return (folder / "mlflow.db").read_bytes()
    finally:
        shutil.rmtree(folder)
