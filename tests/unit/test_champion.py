"""Who is champion for a machine with the promotion log, and for a pod without."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist import settings
from fmnist import wiring as engines
from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.settings import Settings
from tests.support.bundles import make_bundle
from tests.support.determined.server import serving
from tests.support.promotions import served


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """With two versions at a master, which calls the second one champion."""
    storage = tmp_path / "storage"
    storage.mkdir()
    with serving(storage) as master:
        place = {"FMNIST_HOME": str(tmp_path / "home"), "FMNIST_CHECKPOINT_STORAGE": str(storage)}
        own = settings.from_environment({**place, **master.environment()})
        assert engines.champion(own, MODEL_NAME) is None
        registry = engines.model_registry(own)
        for seed in (1, 2):
            registry.register(MODEL_NAME, make_bundle(tmp_path / str(seed), seed=seed))
        assert engines.champion(own, MODEL_NAME) is None
        registry.set_champion(MODEL_NAME, 2)
        yield own


def test_without_the_log_its_mirror_tells(own: Settings) -> None:
    assert engines.champion(own, MODEL_NAME) == 2


def test_the_log_tells_where_it_is_at_hand(own: Settings) -> None:
    with engines.promotion_log(own, MODEL_NAME).held() as writer:
        writer.append(served(1))
    assert engines.champion(own, MODEL_NAME) == 1


def test_on_one_machine_nobody_is_champion_before_the_first_promotion(tmp_path: Path) -> None:
    assert engines.champion(settings.from_environment({"FMNIST_HOME": str(tmp_path)}), MODEL_NAME) is None
