"""What is MLflow's own; what every registry does is in ``tests/contract/test_registry.py``."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fmnist import settings
from fmnist.clients.mlflow import open_client
from fmnist.core.bundle import Bundle
from fmnist.errors import InputError, IntegrityError, NotFoundError, UnavailableError
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


def test_metadata_changed_in_mlflow_is_found_out_and_can_be_completed(
    own: settings.Settings, bundle: Bundle
) -> None:
    registry = MlflowRegistry(own)
    registry.register("forged", bundle)
    text = (bundle.folder / "metadata.json").read_text().replace('"synthetic"', '"official"')
    open_client(own).set_model_version_tag("forged", "1", "metadata", text)
    with pytest.raises(IntegrityError, match="version 1 of forged: the tag metadata"):
        registry.get("forged")
    assert registry.complete("forged", 1).metadata == bundle.metadata


def test_a_version_of_someone_elses_making_is_named_and_hides_no_other(
    own: settings.Settings, bundle: Bundle
) -> None:
    registry = MlflowRegistry(own)
    registry.register("foreign", bundle)
    client = open_client(own)
    client.create_model_version("foreign", source="/elsewhere")
    client.create_model_version("foreign", source="/elsewhere", tags={"bundle_sha256": "../../outside"})
    client.create_model_version("foreign", source="/elsewhere", tags={"bundle_sha256": "0" * 64})
    assert [version.number for version in registry.versions("foreign")] == [1]
    reasons = [unusable.reason for unusable in registry.unusable("foreign")]
    assert ["was stored, but is missing" in reasons[0], "is no SHA-256" in reasons[1]] == [True, True]
    assert reasons[2].startswith("version 2 of foreign: was not registered by fmnist")
    assert registry.get("foreign").number == 1
    with pytest.raises(IntegrityError, match="version 2 of foreign: was not registered by fmnist"):
        registry.get("foreign", 2)
    with pytest.raises(InputError, match=r"version 2 of foreign.*no checkpoint bundle here"):
        registry.complete("foreign", 2)


def test_a_bundle_registered_by_hand_is_completed_and_its_tags_stay(
    own: settings.Settings, bundle: Bundle
) -> None:
    client = open_client(own)
    client.create_registered_model("hand")
    client.create_model_version("hand", source=str(bundle.folder), tags={"run": "mine"}, description="Ada's")
    registry = MlflowRegistry(own)
    assert registry.versions("hand") == []
    assert client.get_model_version("hand", "1").tags == {"run": "mine"}
    assert registry.complete("hand", 1).bundle_sha256 == bundle.sha256
    kept = client.get_model_version("hand", "1")
    assert (kept.tags["run"], kept.description) == ("mine", "Ada's")
    assert registry.register("hand", bundle).number == 1


def test_a_deleted_version_is_gone(own: settings.Settings, bundle: Bundle, tmp_path: Path) -> None:
    registry = MlflowRegistry(own)
    for number in (1, 2):
        registry.register("deleted", make_bundle(tmp_path / str(number), seed=number))
    open_client(own).delete_model_version("deleted", "1")
    assert [version.number for version in registry.versions("deleted")] == [2]
    with pytest.raises(NotFoundError, match="no version 1; it has 2"):
        registry.get("deleted", 1)


def test_reading_writes_nothing_and_needs_no_mlflow(own: settings.Settings, bundle: Bundle) -> None:
    MlflowRegistry(own).register("read", bundle)
    before = {path: path.stat().st_mtime_ns for path in own.home.rglob("*")}
    look = """
import sys
from fmnist import settings
from fmnist import wiring as engines

registry = engines.model_registry(settings.from_environment())
assert registry.versions("read") == [registry.get("read")]
assert registry.unusable("read") == []
assert registry.champions("read").current is None
assert "mlflow" not in sys.modules
"""
    environment = {"FMNIST_HOME": str(own.home)}
    subprocess.run([sys.executable, "-c", look], env=environment, check=True, timeout=60)
    assert {path: path.stat().st_mtime_ns for path in own.home.rglob("*")} == before


def test_a_database_that_fails_is_unavailable_and_its_password_is_not_told(
    own: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlalchemy.exc

    def refuse(_: object) -> None:
        raise sqlalchemy.exc.OperationalError("connect", None, OSError("refused"))

    monkeypatch.setattr("sqlalchemy.engine.Engine.connect", refuse)
    remote = settings.from_environment(
        {"FMNIST_TRACKING_URI": "postgresql://me:s3cret@db.example:5432/mlflow"}
    )
    with pytest.raises(UnavailableError, match=r"db\.example:5432/mlflow.*refused") as caught:
        MlflowRegistry(remote).versions("m")
    assert "s3cret" not in str(caught.value)
