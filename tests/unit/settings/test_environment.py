import re
from pathlib import Path

import pytest

from fmnist import settings
from fmnist.errors import ConfigError


def test_defaults_keep_all_state_in_one_folder() -> None:
    found = settings.from_environment({})
    assert found.home == settings.PROJECT / ".fmnist"
    assert found.tracking_uri == f"sqlite:///{found.home}/mlflow.db"
    assert found.catalogue_uri == f"sqlite:///{found.home}/catalogue.db"
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
            "FMNIST_CATALOGUE_URI": "postgres://db/fmnist",
            "FMNIST_GATEWAY_PORT": "9000",
        }
    )
    assert found.home == tmp_path
    assert found.source == Path("images").absolute()
    assert found.tracking_uri == "postgresql+psycopg2://db/mlflow"
    assert found.catalogue_uri == "postgresql+psycopg2://db/fmnist"
    assert found.gateway == "http://127.0.0.1:9000"


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "8080.5"])
def test_a_wrong_port_is_named(port: str) -> None:
    with pytest.raises(ConfigError, match=f"FMNIST_GATEWAY_PORT={port}: expected a port number"):
        settings.from_environment({"FMNIST_GATEWAY_PORT": port})


def test_a_master_makes_determined_the_engine() -> None:
    without = settings.from_environment({})
    assert (without.determined, without.tracker, without.registry) == (None, "mlflow", "mlflow")
    found = settings.from_environment({"DET_MASTER": "m:8080", "DET_USER": "ada", "DET_PASS": "secret-1"})
    assert found.determined == settings.DeterminedLogin("m:8080", "ada", "secret-1")
    assert (found.tracker, found.registry, found.in_trial) == ("determined", "determined", False)
    assert "secret-1" not in repr(found)


def test_an_engine_can_be_chosen_beside_a_master() -> None:
    found = settings.from_environment({"DET_MASTER": "m", "FMNIST_TRACKER": "mlflow"})
    assert (found.tracker, found.registry) == ("mlflow", "determined")


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"FMNIST_REGISTRY": "files"}, "FMNIST_REGISTRY=files: expected mlflow or determined"),
        ({"FMNIST_TRACKER": "determined"}, "FMNIST_TRACKER=determined: set DET_MASTER"),
    ],
)
def test_an_engine_that_cannot_be_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings.from_environment(environ)


def test_a_trial_finds_pachyderm_where_its_experiment_says() -> None:
    config = '{"integrations": {"pachyderm": {"pachd": {"host": "pachd.pachyderm", "port": 30650}}}}'
    trial = {"DET_TRIAL_ID": "7", "DET_MASTER": "m", "DET_EXPERIMENT_CONFIG": config}
    found = settings.from_environment(trial)
    assert found.in_trial
    assert found.pachd
    assert found.pachd.url == "grpc://pachd.pachyderm:30650"
    told = settings.from_environment({**trial, "PACHD_ADDRESS": "grpc://127.0.0.1:30650"})
    assert told.pachd
    assert told.pachd.host == "127.0.0.1"
    assert settings.from_environment({**trial, "FMNIST_DATA_STORE": "dvc"}).pachd is None
    assert settings.from_environment({"DET_EXPERIMENT_CONFIG": '{"integrations": null}'}).pachd is None


def test_a_home_is_a_folder_and_the_users_home_is_found(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for home in (file, file / "below"):
        with pytest.raises(ConfigError) as caught:
            settings.from_environment({"FMNIST_HOME": str(home)})
        assert str(caught.value) == f"FMNIST_HOME={home}: expected a folder, but {file} is a file"
    assert settings.from_environment({"FMNIST_HOME": "~/fmnist"}).home == Path.home() / "fmnist"
    with pytest.raises(ConfigError, match="FMNIST_HOME=~nobody-here: expected a path"):
        settings.from_environment({"FMNIST_HOME": "~nobody-here"})


def test_every_mistake_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        settings.from_environment({"FMNIST_GATEWAY_PORT": "http", "FMNIST_DATA_STORE": "git"})
    assert str(caught.value).splitlines() == [
        "FMNIST_GATEWAY_PORT=http: expected a port number, 1-65535",
        "FMNIST_DATA_STORE=git: expected dvc or pachyderm",
    ]


def test_secrets_are_shown_nowhere() -> None:
    secrets = {
        "DET_MASTER": "m",
        "DET_PASS": "hidden-1",
        "PACH_PYTHON_AUTH_TOKEN": "hidden-2",
        "FMNIST_TRACKING_URI": "postgresql://ada:hidden-3@db/mlflow",
        "http_proxy": "socks5://ada:hidden-4@127.0.0.1:1",
    }
    found = settings.from_environment(secrets)
    assert "hidden" not in f"{found!r} {found} {found.determined!r} {found.pachd!r}"


def test_the_table_of_variables_is_that_of_the_class() -> None:
    page = (settings.PROJECT / "docs" / "path.md").read_text()
    for variable, meaning in settings.variables().items():
        assert f"| `{variable}` | {meaning.replace('``', '`')} |" in page
    package = settings.PROJECT / "fmnist"
    read = {
        name for file in package.rglob("*.py") for name in re.findall(r'"(FMNIST_[A-Z_]+)"', file.read_text())
    } - {"FMNIST_LISTEN_HOST", "FMNIST_PARENT_PIPE"}  # set for the processes that fmnist starts itself
    assert [name for name in sorted(read) if f"`{name}`" not in page] == []
