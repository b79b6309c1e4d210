"""What is MLflow's own; what every registry does is in ``tests/contract/test_registry.py``."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fmnist import settings
from fmnist.clients.mlflow import open_client
from fmnist.core.bundle import Bundle
from fmnist.errors import IntegrityError, NotFoundError, UnavailableError
from fmnist.registry.mlflow import MlflowRegistry
from tests.support.bundles import make_bundle
from tests.support.homes import make_home


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    return make_home(tmp_path_factory.mktemp("mlflow") / "home")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "bundle")


def test_a_look_at_an_empty_home_leaves_it_empty_and_needs_no_mlflow(tmp_path: Path) -> None:
    look = """
import sys
from fmnist import settings
from fmnist import wiring as engines
from fmnist.errors import NotFoundError

registry = engines.model_registry(settings.from_environment())
assert registry.versions("m") == []
try:
    registry.get("m")
except NotFoundError as error:
    print(error)
assert "mlflow" not in sys.modules
"""
    environment = {"FMNIST_HOME": str(tmp_path / "home")}
    shown = subprocess.run(
        [sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert "no model registry yet; train and register a model first" in shown.stdout
    assert not (tmp_path / "home").exists()


def test_killed_between_copy_and_number_nothing_shows_and_registering_again_works(
    own: settings.Settings, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    registry = MlflowRegistry(own)
    with monkeypatch.context() as patch:
        patch.setattr(MlflowRegistry, "_create", die)
        with pytest.raises(Killed):
            registry.register("killed", bundle)
    assert list((own.artifacts / "models" / "killed").glob("*/model.onnx"))
    assert registry.versions("killed") == []
    with pytest.raises(NotFoundError):
        registry.get("killed")
    assert registry.register("killed", bundle).number == 1


def test_mlflows_own_pages_show_where_a_version_comes_from(own: settings.Settings, bundle: Bundle) -> None:
    MlflowRegistry(own).register("tagged", bundle)
    entity = open_client(own).get_model_version("tagged", "1")
    assert entity.run_id == bundle.metadata.provenance.run
    assert entity.tags["data_origin"] == "synthetic"
    assert entity.tags["train_data_commit"] == bundle.metadata.provenance.train_data.commit
    assert entity.source == str(own.artifacts / "models" / "tagged" / bundle.sha256)


def test_metadata_changed_in_mlflow_is_found_out(own: settings.Settings, bundle: Bundle) -> None:
    registry = MlflowRegistry(own)
    registry.register("forged", bundle)
    text = (bundle.folder / "metadata.json").read_text().replace('"synthetic"', '"official"')
    open_client(own).set_model_version_tag("forged", "1", "metadata", text)
    with pytest.raises(IntegrityError, match="version 1 of forged: the tag metadata"):
        registry.get("forged")


def test_a_version_of_someone_elses_making_is_named(own: settings.Settings) -> None:
    client = open_client(own)
    client.create_registered_model("foreign")
    client.create_model_version("foreign", source="/elsewhere")
    with pytest.raises(IntegrityError, match="version 1 of foreign: was not registered by fmnist"):
        MlflowRegistry(own).get("foreign")


def test_a_database_that_fails_is_unavailable_and_its_password_is_not_told(
    own: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlalchemy.exc

    def refuse(_: settings.Settings) -> None:
        raise sqlalchemy.exc.OperationalError("connect", None, OSError("refused"))

    monkeypatch.setattr("fmnist.registry.mlflow.open_client", refuse)
    remote = settings.from_environment(
        {"FMNIST_TRACKING_URI": "postgresql://me:s3cret@db.example:5432/mlflow"}
    )
    with pytest.raises(UnavailableError, match=r"db\.example:5432/mlflow.*refused") as caught:
        MlflowRegistry(remote).versions("m")
    assert "s3cret" not in str(caught.value)
