"""What the demo does about the gate's answer."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from fmnist import settings
from fmnist.catalogue.promotion_log import PromotionLog
from fmnist.deployment.promote import Actor
from fmnist.errors import GateRefused
from fmnist.gate.verdict import GateResult, Outcome
from fmnist.jobs import demo
from fmnist.jobs.gate import POLICY
from fmnist.registry.base import ModelVersion
from tests.support.bundles import make_bundle
from tests.support.promotions import make_log, served
from tests.support.results import make_result, make_rule


@dataclass
class Promotions:
    """A promoter that only notes whom it is told to promote."""

    log: PromotionLog
    registry: SimpleNamespace
    promoted: tuple[int, ...] = ()

    def promote(self, number: int, by: Actor) -> SimpleNamespace:
        self.promoted += (number,)
        return SimpleNamespace(champion=number)


@pytest.fixture
def promotions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Promotions:
    bundle = make_bundle(tmp_path / "champion", seed=1)
    # Its number differs from the one in the log, as after a copy to another registry.
    champion = ModelVersion("m", 1, "2026-01-01", f"{7:064}", bundle.metadata, {})
    found = Promotions(make_log(tmp_path), SimpleNamespace(versions=lambda model: [champion]))
    monkeypatch.setattr(demo, "promoter", lambda own, model, policy: found)
    return found


@pytest.fixture
def version(tmp_path: Path) -> ModelVersion:
    bundle = make_bundle(tmp_path / "bundle")
    return ModelVersion("m", 2, "2026-01-01", bundle.sha256, bundle.metadata, {})


def _promote(version: ModelVersion, result: GateResult) -> None:
    demo._promoted(settings.from_environment({}), version, result, POLICY)


def _refused(version: ModelVersion) -> GateResult:
    return make_result(version, make_rule("champion", outcome=Outcome.FAIL))


def _with_champion(log: PromotionLog, number: int) -> None:
    with log.held() as writer:
        writer.append(served(number))


def test_a_version_that_passed_is_promoted(promotions: Promotions, version: ModelVersion) -> None:
    _with_champion(promotions.log, 1)
    _promote(version, make_result(version))
    assert promotions.promoted == (2,)


def test_a_refused_version_leaves_the_champion_serving(promotions: Promotions, version: ModelVersion) -> None:
    _with_champion(promotions.log, 7)
    _promote(version, _refused(version))
    assert promotions.promoted == (1,)


def test_refused_without_a_champion_is_the_end(promotions: Promotions, version: ModelVersion) -> None:
    with pytest.raises(GateRefused, match=r"version 2 of m is refused: champion"):
        _promote(version, _refused(version))
    assert promotions.promoted == ()
