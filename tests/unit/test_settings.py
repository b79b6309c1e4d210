from pathlib import Path

import pytest

from fmnist import settings
from fmnist.errors import ConfigError


def test_defaults_keep_all_state_in_one_folder() -> None:
    found = settings.from_environment({})
    assert found.home == settings.PROJECT / ".fmnist"
    assert found.tracking_uri == f"sqlite:///{found.home}/mlflow.db"
    assert found.gateway == "http://127.0.0.1:8080"
    assert found.source is None
    folders = [found.data, found.cache, found.artifacts, found.checkpoints, found.studies, found.serving]
    assert all(folder.parent == found.home for folder in folders)


def test_the_environment_decides(tmp_path: Path) -> None:
    found = settings.from_environment(
        {
            "FMNIST_HOME": str(tmp_path),
            "FMNIST_SOURCE": "images",
            "FMNIST_TRACKING_URI": "postgresql://db/mlflow",
            "FMNIST_GATEWAY_PORT": "9000",
        }
    )
    assert found.home == tmp_path
    assert found.source == Path("images").absolute()
    assert found.tracking_uri == "postgresql+psycopg2://db/mlflow"
    assert found.gateway == "http://127.0.0.1:9000"


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "8080.5"])
def test_a_wrong_port_is_named(port: str) -> None:
    with pytest.raises(ConfigError, match=f"FMNIST_GATEWAY_PORT={port}: expected a port number"):
        settings.from_environment({"FMNIST_GATEWAY_PORT": port})
