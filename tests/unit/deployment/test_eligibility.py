from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.catalogue.promotions import History
from fmnist.core.bundle import Metadata
from fmnist.deployment.eligibility import champion_or_newest, newest_passed
from fmnist.errors import GateRefused, IntegrityError, NotFoundError
from fmnist.gate.signing import Keys, Target, sign
from fmnist.gate.verdict import ANNOTATION, Outcome
from fmnist.registry.base import ModelVersion
from tests.support.bundles import make_bundle
from tests.support.promotions import served
from tests.support.results import make_result, make_rule


class Versions:
    """A registry as far as listing goes."""

    def __init__(self, *versions: ModelVersion) -> None:
        self._versions = versions

    def versions(self, model: str) -> Sequence[ModelVersion]:
        return sorted(self._versions, key=lambda one: -one.number)

    def get(self, model: str, number: int) -> ModelVersion:
        for version in self._versions:
            if version.number == number:
                return version
        raise NotFoundError(f"no version {number}")


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Metadata:
    return make_bundle(tmp_path_factory.mktemp("choice") / "bundle").metadata


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys.at(tmp_path, {})


def _untested(number: int, metadata: Metadata) -> ModelVersion:
    return ModelVersion("m", number, "2026-01-01T00:00:00+00:00", f"{number:064}", metadata, {})


def _tested(number: int, metadata: Metadata, keys: Keys, outcome: Outcome = Outcome.PASS) -> ModelVersion:
    version, key = _untested(number, metadata), keys.signing()
    result = make_result(version, make_rule("accuracy", outcome=outcome), key=key.kind, key_id=key.id)
    return replace(version, annotations={ANNOTATION: sign(result, key)})


def _chosen(keys: Keys, *versions: ModelVersion, target: Target = "local") -> int:
    return newest_passed(Versions(*versions), "m", target, keys).number  # type: ignore[arg-type]


def test_the_newest_that_passed_is_chosen(metadata: Metadata, keys: Keys) -> None:
    versions = [
        _tested(1, metadata, keys),
        _tested(2, metadata, keys),
        _tested(3, metadata, keys, Outcome.FAIL),
        _untested(4, metadata),
    ]
    assert _chosen(keys, *versions) == 2


def test_without_any_it_says_why_and_what_to_do(metadata: Metadata, keys: Keys) -> None:
    with pytest.raises(NotFoundError, match="no version yet; make demo"):
        _chosen(keys)
    with pytest.raises(NotFoundError, match=r"version 2 of m was never tested.*make gate.*make demo"):
        _chosen(keys, _tested(1, metadata, keys, Outcome.FAIL), _untested(2, metadata))


def test_what_another_machine_signed_does_not_count(metadata: Metadata, keys: Keys, tmp_path: Path) -> None:
    elsewhere = Keys.at(tmp_path / "elsewhere", {})
    assert _chosen(keys, _tested(1, metadata, keys), _tested(2, metadata, elsewhere)) == 1


def test_a_cluster_does_not_get_what_this_machine_signed(metadata: Metadata, keys: Keys) -> None:
    with pytest.raises(NotFoundError, match="cluster accepts CI's only"):
        _chosen(keys, _tested(1, metadata, keys), target="cluster")


def test_an_altered_verdict_is_an_alarm_not_a_miss(metadata: Metadata, keys: Keys) -> None:
    refused = _tested(2, metadata, keys, Outcome.FAIL)
    altered = (
        refused.annotations[ANNOTATION]
        .replace('"fail"', '"pass"')
        .replace('"passed": false', '"passed": true')
    )
    with pytest.raises(IntegrityError, match="altered"):
        _chosen(keys, _tested(1, metadata, keys), replace(refused, annotations={ANNOTATION: altered}))


def _to_serve(keys: Keys, champion: int | None, *versions: ModelVersion) -> int:
    history = History()
    if champion:
        bundles = [version.bundle_sha256 for version in versions if version.number == champion]
        history = History((served(champion, bundle_sha256=bundles[0] if bundles else None),))
    registry = Versions(*versions)
    return champion_or_newest(registry, history, "m", "local", keys, lambda: None).number  # type: ignore[arg-type]


def test_the_champion_serves_and_before_there_is_one_the_newest_that_passed(
    metadata: Metadata, keys: Keys
) -> None:
    versions = [_tested(number, metadata, keys) for number in (1, 2)]
    assert _to_serve(keys, None, *versions) == 2
    assert _to_serve(keys, 1, *versions) == 1


def test_a_champion_that_may_not_serve_is_not_replaced_in_silence(metadata: Metadata, keys: Keys) -> None:
    with pytest.raises(NotFoundError, match=r"champion no longer exists.*rollback"):
        _to_serve(keys, 7, _tested(1, metadata, keys))
    with pytest.raises(GateRefused, match="version 2 of m was refused"):
        _to_serve(keys, 2, _tested(1, metadata, keys), _tested(2, metadata, keys, Outcome.FAIL))
