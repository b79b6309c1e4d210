from pathlib import Path

import pytest

from fmnist.data import synthetic
from fmnist.data.commits import load
from fmnist.data.dvc import DvcStore
from fmnist.data.fetch import fetch
from fmnist.errors import DataError
from fmnist.settings import Settings, from_environment
from tests.support.drawing import csv_of, same, some_data


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return from_environment({"FMNIST_HOME": str(tmp_path / "home"), "FMNIST_SOURCE": str(tmp_path / "mine")})


def test_both_splits_are_committed_and_loaded(settings: Settings) -> None:
    assert settings.source
    settings.source.mkdir()
    for split, count in (("train", 12), ("test", 5)):
        (settings.source / f"fashion-mnist_{split}.csv").write_bytes(csv_of(some_data(count)))
    store = DvcStore(settings.data)
    said: list[str] = []
    train, test = fetch(settings, store, said.append)
    assert (train.repo, test.repo) == ("fmnist-train-raw", "fmnist-test-raw")
    assert (train.origin, test.origin) == ("custom", "custom")
    assert same(load(store, train), some_data(12))
    assert same(load(store, test), some_data(5))
    assert said[-1] == f"custom data from {settings.source}"
    assert fetch(settings, store, said.append) == (train, test)


def test_drawn_garments_are_marked_in_the_commit(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "TRAIN_IMAGES", 40)
    monkeypatch.setattr(synthetic, "TEST_IMAGES", 20)
    synthetic.write(tmp_path / "drawn")
    store = DvcStore(settings.data)
    train, test = fetch(settings.model_copy(update={"source": tmp_path / "drawn"}), store, lambda _: None)
    assert (train.origin, test.origin) == ("synthetic", "synthetic")
    assert "synthetic" in train.message
    assert (len(load(store, train)), len(load(store, test))) == (40, 20)


def test_a_commit_without_images_cannot_be_loaded(settings: Settings, tmp_path: Path) -> None:
    store = DvcStore(settings.data)
    (tmp_path / "note").write_text("no images")
    commit = store.put("notes", {"note": tmp_path / "note"}, "m")
    with pytest.raises(DataError, match="note"):
        load(store, commit)
