"""Which engine versions data, by the environment."""

from pathlib import Path

import pytest

from fmnist import settings
from fmnist import wiring as engines
from fmnist.data.dvc import DvcStore
from fmnist.data.pachyderm.feed import PachydermFeed
from fmnist.data.pachyderm.store import PachydermStore
from fmnist.data.watch import PolledFeed
from fmnist.errors import ConfigError
from fmnist.settings import Settings


def settings_with(folder: Path, **variables: str) -> Settings:
    return settings.from_environment({"FMNIST_HOME": str(folder)} | variables)


@pytest.mark.parametrize(
    "variables",
    [{"PACHD_ADDRESS": "grpc://pachd:1"}, {"FMNIST_DATA_STORE": "pachyderm"}],
)
def test_pachyderm(tmp_path: Path, variables: dict[str, str]) -> None:
    own = settings_with(tmp_path, **variables)
    assert isinstance(engines.data_store(own), PachydermStore)
    assert isinstance(engines.data_feed(own), PachydermFeed)
    assert engines.data_doctor(own)
    with pytest.raises(ConfigError, match="needs no push or pull"):
        engines.data_remote(own, None)


@pytest.mark.parametrize("variables", [{}, {"FMNIST_DATA_STORE": "dvc", "PACHD_ADDRESS": "grpc://pachd:1"}])
def test_dvc(tmp_path: Path, variables: dict[str, str]) -> None:
    own = settings_with(tmp_path, **variables)
    assert isinstance(engines.data_store(own), DvcStore)
    assert isinstance(engines.data_feed(own), PolledFeed)
    with pytest.raises(ConfigError, match="set PACHD_ADDRESS"):
        engines.data_doctor(own)


def test_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FMNIST_DATA_STORE=s3: expected dvc or pachyderm"):
        settings_with(tmp_path, FMNIST_DATA_STORE="s3")


def test_wrong_variables_of_an_engine_that_is_not_chosen_do_not_matter(tmp_path: Path) -> None:
    assert settings_with(tmp_path, FMNIST_DATA_STORE="dvc", PACHD_ADDRESS="ftp://x").pachd is None
