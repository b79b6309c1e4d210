import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fmnist.cli.evaluate import evaluate
from fmnist.core.fashion_mnist import CLASSES, MODEL_NAME, TEST
from fmnist.core.metrics import score
from fmnist.core.predictor import Predictor
from fmnist.data.formats.idx import write_idx
from fmnist.data.synthetic import draw
from fmnist.errors import NotFoundError
from fmnist.settings import Settings, from_environment
from fmnist.wiring import data_store, model_registry
from tests.support.bundles import make_bundle
from tests.support.homes import make_home


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    return from_environment()


def test_a_checkpoint_and_its_version_score_the_same(settings: Settings, tmp_path: Path) -> None:
    make_home(settings.home)
    garments = draw(100, seed=3)
    files = {file.name: tmp_path / file.name for file in TEST.files}
    files[TEST.images.name].write_bytes(write_idx(garments.images))
    files[TEST.labels.name].write_bytes(write_idx(garments.labels))
    commit = data_store(settings).put(TEST.repo, files, "garments")
    bundle = make_bundle(tmp_path / "checkpoint")
    expected = score(Predictor(bundle).predict(garments.images), garments.labels)
    version = model_registry(settings).register(MODEL_NAME, bundle)

    for model in (str(bundle.folder), str(version.number)):
        result = CliRunner().invoke(evaluate, [model, "--json"], catch_exceptions=False)
        document = json.loads(result.stdout)
        assert document["metrics"] == pytest.approx(expected.scalars())
        assert document["bundle_sha256"] == bundle.sha256
        assert document["test_data"] == {"repo": TEST.repo, "commit": commit.id, "dataset": commit.origin}
        assert [row["recall"] for row in document["classes"].values()] == pytest.approx(expected.recall)

    table = CliRunner().invoke(evaluate, [str(bundle.folder)], catch_exceptions=False).stdout
    assert f"{TEST.repo}@{commit.id}" in table
    assert f"{expected.accuracy:.4f}" in table
    assert all(name in table for name in CLASSES)


def test_what_does_not_exist_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no checkpoint bundle here"):
        CliRunner().invoke(evaluate, [str(tmp_path / "none")], catch_exceptions=False)
    with pytest.raises(NotFoundError, match="no model registry yet"):
        CliRunner().invoke(evaluate, ["7"], catch_exceptions=False)
    assert not settings.home.exists()
