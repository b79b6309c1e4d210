"""Who is champion for a machine with the promotion log, and for a pod without."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist import settings
from fmnist import wiring as engines
from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.errors import IntegrityError, UnavailableError
from fmnist.registry.base import Champions
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
    champion = engines.champion(own, MODEL_NAME)
    assert champion is not None
    assert champion.number == 2


def test_the_log_tells_where_it_is_at_hand(own: Settings) -> None:
    first = engines.model_registry(own).get(MODEL_NAME, 1)
    with engines.promotion_log(own, MODEL_NAME).held() as writer:
        writer.append(served(7, bundle_sha256=first.bundle_sha256))
    champion = engines.champion(own, MODEL_NAME)
    assert champion is not None
    assert champion.number == 1


def test_all_who_were_champion_are_known_without_the_log(own: Settings) -> None:
    registry = engines.model_registry(own)
    registry.set_champion(MODEL_NAME, 1)
    first, second = (registry.get(MODEL_NAME, number).bundle_sha256 for number in (1, 2))
    champions = engines.champions(own, MODEL_NAME)
    assert champions == Champions(first, frozenset((first, second)))


def test_a_champion_that_nobody_can_name_is_an_error(own: Settings, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        engines.champions(own.model_copy(update={"det_master": "http://127.0.0.1:1"}), MODEL_NAME)
    (own.home / "catalogue.db").write_bytes(b"no database")
    with pytest.raises(IntegrityError, match=r"catalogue\.db"):
        engines.champions(own, MODEL_NAME)


def test_on_one_machine_nobody_is_champion_before_the_first_promotion(tmp_path: Path) -> None:
    assert engines.champion(settings.from_environment({"FMNIST_HOME": str(tmp_path)}), MODEL_NAME) is None
