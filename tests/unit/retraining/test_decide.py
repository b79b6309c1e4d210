from datetime import UTC, datetime
from pathlib import Path

import pytest

from fmnist.core.fashion_mnist import TRAIN
from fmnist.data.base import Commit, StoredFile
from fmnist.registry.base import ModelVersion
from fmnist.retraining.decide import decide
from tests.support.reports import make_version


@pytest.fixture
def champion(tmp_path: Path) -> ModelVersion:
    """Trained on the published files."""
    return make_version(tmp_path)


def commit(*sums: str) -> Commit:
    names = [file.name for file in TRAIN.files]
    files = tuple(StoredFile(name, 1, sum_) for name, sum_ in zip(names, sums, strict=True))
    return Commit(TRAIN.repo, "c0ffee", None, datetime(2026, 1, 1, tzinfo=UTC), "by a test", files)


def test_without_a_champion_it_trains() -> None:
    decision = decide(commit("a", "b"), None)
    assert (decision.train, decision.reason) == (True, f"{TRAIN.repo}@c0ffee: there is no champion yet")


def test_other_files_are_trained_on(champion: ModelVersion) -> None:
    decision = decide(commit("a", "b"), champion)
    assert decision.train
    assert "c0ffee has changed since fashion-classifier 1, the champion, was trained on" in decision.reason


def test_the_same_files_under_another_id_are_not(champion: ModelVersion) -> None:
    decision = decide(commit(*(file.sha256 for file in TRAIN.files)), champion)
    assert not decision.train
    assert decision.reason.endswith(f"was trained on what {TRAIN.repo}@c0ffee holds")
