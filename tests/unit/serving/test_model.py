from pathlib import Path

import pytest

from fmnist.core.fashion_mnist import CLASSES
from fmnist.errors import UnavailableError
from fmnist.serving.model import ServedModel, class_counts, lineage_tags
from tests.support.bundles import make_bundle


@pytest.fixture
def service(tmp_path: Path) -> ServedModel:
    return ServedModel(make_bundle(tmp_path / "bundle", origin="official"), "7")


def test_an_answer_carries_its_lineage(service: ServedModel, tmp_path: Path) -> None:
    service.load()
    tags = service.predict({"data": {"ndarray": [0] * 784}, "meta": {"tags": {"model": "x"}}})["meta"]["tags"]
    bundle = make_bundle(tmp_path / "bundle", origin="official")
    assert {name: tags[name] for name in tags if name != "class"} == {
        "model": "fashion-classifier",
        "model_version": "7",
        "train_data_repo": "fmnist-train-raw",
        "train_data_commit": "89abcdef" * 5,
        "data_origin": "official",
        "experiment": "fmnist-const",
        "run": "run-0",
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "bundle_sha256": bundle.sha256,
    }
    assert lineage_tags(bundle, "7") == service.tags


def test_before_it_is_loaded_it_is_unavailable(service: ServedModel) -> None:
    with pytest.raises(UnavailableError):
        service.check()
    with pytest.raises(UnavailableError):
        service.predict({"data": {"ndarray": [0] * 784}})


def test_loaded_it_is_ready(service: ServedModel) -> None:
    service.load()
    assert service.check()["meta"]["tags"]["model_version"] == "7"


def test_classes_are_counted(service: ServedModel) -> None:
    service.load()
    counts = class_counts(service.predict({"data": {"ndarray": [[0] * 784] * 3}}))
    assert sum(counts.values()) == 3
    assert set(counts) <= set(CLASSES)


def test_it_describes_itself(service: ServedModel) -> None:
    description = service.describe()
    assert (description["name"], description["versions"]) == ("fashion-classifier", ["7"])
    assert all(isinstance(value, str) for value in description["custom"].values())
