import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fmnist.core.provenance import DataReference
from fmnist.errors import GateRefused, IntegrityError
from fmnist.gate.signing import Demands, Key, Keys, Target, sign, verify, verify_signature
from fmnist.gate.verdict import ANNOTATION, CI_ANNOTATION, Interval, Outcome, Override, gate_result
from fmnist.registry.base import ModelVersion
from tests.support.bundles import make_bundle
from tests.support.results import make_rule, with_verdict

SAMPLES = Path(__file__).parent / "samples"
"""Documents that an earlier fmnist wrote."""
_CI = {"FMNIST_GATE_KEY": "a key of CI's, of forty characters or so"}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys.at(tmp_path / "home", _CI)


@pytest.fixture
def ci(keys: Keys) -> Key:
    return keys.signing()


@pytest.fixture
def local(keys: Keys) -> Key:
    return replace(keys, ci=None).signing()


@pytest.fixture
def version(tmp_path: Path) -> ModelVersion:
    bundle = make_bundle(tmp_path / "bundle")
    return ModelVersion("m", 3, "2026-01-01T00:00:00+00:00", bundle.sha256, bundle.metadata, {})


def _altered(version: ModelVersion, change: Callable[[dict[str, Any]], object]) -> ModelVersion:
    document = json.loads(version.annotations[ANNOTATION])
    change(document)
    return replace(version, annotations={ANNOTATION: json.dumps(document)})


def test_a_pass_signed_by_ci_goes_anywhere(version: ModelVersion, keys: Keys, ci: Key) -> None:
    signed = with_verdict(version, ci)
    assert verify(signed, "local", keys).passed
    assert verify(signed, "cluster", keys).version == 3


def test_a_pass_signed_here_stays_here(version: ModelVersion, keys: Keys, local: Key) -> None:
    signed = with_verdict(version, local)
    assert verify(signed, "local", keys).key == "local"
    with pytest.raises(GateRefused, match="a cluster accepts CI's only"):
        verify(signed, "cluster", keys)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "synthetic"},
        {"test_data": DataReference("fmnist-test-raw", "d" * 40, "synthetic", {})},
        {"dataset": "synthetic", "override": Override("ada", "they look real")},
    ],
)
def test_synthetic_images_never_go_to_a_cluster(
    version: ModelVersion, keys: Keys, ci: Key, changes: dict[str, Any]
) -> None:
    signed = with_verdict(version, ci, **changes)
    assert verify(signed, "local", keys).synthetic
    with pytest.raises(GateRefused, match="synthetic images"):
        verify(signed, "cluster", keys)


def test_an_untested_version_goes_nowhere(version: ModelVersion, keys: Keys) -> None:
    with pytest.raises(GateRefused, match="version 3 of m was never tested; run fmnist gate --version 3"):
        verify(version, "local", keys)


def test_a_refused_version_goes_nowhere_unless_overridden(version: ModelVersion, keys: Keys, ci: Key) -> None:
    rules = (make_rule("accuracy"), make_rule("size", outcome=Outcome.FAIL))
    with pytest.raises(GateRefused, match="version 3 of m was refused by the gate: size"):
        verify(with_verdict(version, ci, *rules), "local", keys)
    overridden = with_verdict(version, ci, *rules, override=Override("ada", "it fits"))
    assert verify(overridden, "cluster", keys).overridden


def _pass_all(document: dict[str, Any]) -> None:
    document["passed"] = True
    for rule in document["rules"]:
        rule["outcome"] = "pass"


@pytest.mark.parametrize(
    "change",
    [
        _pass_all,
        lambda document: document.update(override={"who": "ada", "reason": "please"}, passed=True),
        lambda document: document.update(key="ci"),
        lambda document: document.update(dataset="official"),
        lambda document: document.update(evidence_sha256="0" * 64),
        lambda document: document.update(time="2027-01-01T00:00:00+00:00"),
        lambda document: document["rules"][0].update(measured=0.99),
        lambda document: document.update(signature="0" * 64),
        lambda document: document.update(signature=None),
        lambda document: document.pop("signature"),
    ],
)
def test_an_altered_verdict_goes_nowhere(
    version: ModelVersion, keys: Keys, local: Key, change: Callable[[dict[str, Any]], object]
) -> None:
    rules = (
        make_rule("accuracy", uncertainty=Interval(0.1, 0.9)),
        make_rule("size", outcome=Outcome.FAIL),
    )
    refused = with_verdict(version, local, *rules, dataset="synthetic")
    with pytest.raises((IntegrityError, GateRefused), match=r"altered|signed by the ci key"):
        verify(_altered(refused, change), "local", keys)


def test_a_verdict_of_another_bundle_goes_nowhere(version: ModelVersion, keys: Keys, ci: Key) -> None:
    other = with_verdict(replace(version, bundle_sha256="0" * 64), ci)
    with pytest.raises(IntegrityError, match="is about bundle 0000"):
        verify(replace(version, annotations=other.annotations), "local", keys)


@pytest.mark.parametrize("change", [{"number": 4}, {"model": "other"}])
def test_a_verdict_of_another_version_goes_nowhere(
    version: ModelVersion, keys: Keys, ci: Key, change: dict[str, Any]
) -> None:
    other = with_verdict(replace(version, **change), ci)
    with pytest.raises(IntegrityError, match="carries the verdict on version"):
        verify(replace(version, annotations=other.annotations), "local", keys)


def test_a_key_that_is_not_here_is_told(
    version: ModelVersion, keys: Keys, ci: Key, local: Key, tmp_path: Path
) -> None:
    elsewhere = Keys.at(tmp_path / "elsewhere", {})
    with pytest.raises(GateRefused, match=f"signed by the ci key {ci.id}, which is not available here"):
        verify(with_verdict(version, ci), "local", elsewhere)
    own = elsewhere.signing()
    with pytest.raises(GateRefused, match=f"signed by the local key {local.id}, the one here is {own.id}"):
        verify(with_verdict(version, local), "local", elsewhere)


def test_layout_does_not_matter_to_the_signature(version: ModelVersion, keys: Keys, ci: Key) -> None:
    document = json.loads(with_verdict(version, ci).annotations[CI_ANNOTATION])
    turned = json.dumps(dict(reversed(document.items())), indent=3)
    assert verify(replace(version, annotations={CI_ANNOTATION: turned}), "cluster", keys).passed


def test_a_machines_own_verdict_takes_nothing_from_cis(
    version: ModelVersion, keys: Keys, ci: Key, local: Key
) -> None:
    refused = make_rule("size", outcome=Outcome.FAIL)
    both = with_verdict(with_verdict(version, ci), local, refused)
    assert set(both.annotations) == {ANNOTATION, CI_ANNOTATION}
    shown = gate_result(both)
    assert shown is not None
    assert (shown.key, shown.passed) == ("ci", True)
    assert verify(both, "cluster", keys).key == "ci"
    assert verify(both, "local", keys).key == "ci"
    with pytest.raises(GateRefused, match="refused by the gate: size"):
        verify(both, "local", replace(keys, ci=None))


def test_where_cis_key_is_not_the_machines_own_verdict_decides_here_only(
    version: ModelVersion, keys: Keys, ci: Key, local: Key
) -> None:
    refused = with_verdict(version, ci, make_rule("size", outcome=Outcome.FAIL))
    both = with_verdict(refused, local)
    assert verify(both, "local", replace(keys, ci=None)).key == "local"
    for target in ("local", "cluster"):
        with pytest.raises(GateRefused, match="refused by the gate: size"):
            verify(both, target, keys)


def test_cis_verdict_is_not_signed_by_a_key_that_stands_in_its_place(
    version: ModelVersion, keys: Keys, local: Key
) -> None:
    own = with_verdict(version, local).annotations[ANNOTATION]
    with pytest.raises(GateRefused, match="a cluster accepts CI's only"):
        verify(replace(version, annotations={CI_ANNOTATION: own}), "cluster", keys)


def test_a_verdict_signed_by_an_earlier_fmnist_still_verifies(version: ModelVersion, keys: Keys) -> None:
    kept = (SAMPLES / "verdict.json").read_text()
    earlier = replace(version, bundle_sha256="b" * 64, annotations={CI_ANNOTATION: kept})
    result = verify(earlier, "cluster", keys)
    assert (result.overridden, result.champion, len(result.rules)) == (True, 1, 32)
    assert result.verdict.rule("steadiness").unit == "share"
    assert sign(result, keys.signing()) == kept.rstrip()


NOW = datetime(2026, 2, 1, tzinfo=UTC)
FILES = {"images": "e" * 64}


def _demands(**changes: Any) -> Demands:
    """What ``make_result`` fulfils."""
    values: dict[str, Any] = {"policy_sha256": "c" * 64, "test_files": FILES, "sequences": lambda _: {}}
    return Demands(**{**values, "now": NOW, **changes})


def _numbers(**numbers: int) -> Callable[[str], dict[str, int]]:
    return lambda bundle_sha256: numbers


@pytest.mark.parametrize("target", ["local", "cluster"])
def test_a_verdict_that_is_what_is_demanded_counts(
    version: ModelVersion, keys: Keys, ci: Key, target: Target
) -> None:
    signed = with_verdict(version, ci, sequence=3)
    for demands in (_demands(), _demands(sequences=_numbers(ci=3)), _demands(test_files=None)):
        assert verify(signed, target, keys, demands).sequence == 3


@pytest.mark.parametrize("target", ["local", "cluster"])
def test_an_older_pass_put_back_over_a_newer_refusal_is_found_out(
    version: ModelVersion, keys: Keys, ci: Key, target: Target
) -> None:
    """Each in place of the refusal: the pass before it, one without a number, none at all."""
    refusal = with_verdict(version, ci, make_rule("size", outcome=Outcome.FAIL), sequence=3)
    demands = _demands(sequences=_numbers(ci=3))
    with pytest.raises(GateRefused, match="was refused by the gate: size"):
        verify(refusal, target, keys, demands)
    with pytest.raises(IntegrityError, match="carries verdict 2, although verdict 3 was given later; run fm"):
        verify(with_verdict(version, ci, sequence=2), target, keys, demands)
    with pytest.raises(IntegrityError, match="carries verdict without a number, although verdict 3"):
        verify(with_verdict(version, ci), target, keys, demands)
    changed = {"override": Override("ada", "it fits"), "sequence": 2}
    with pytest.raises(IntegrityError, match="although verdict 3"):
        verify(with_verdict(version, ci, **changed), target, keys, demands)


def test_cis_refusal_that_was_removed_is_missed(
    version: ModelVersion, keys: Keys, ci: Key, local: Key
) -> None:
    own = with_verdict(version, local, sequence=1)
    assert verify(own, "local", keys, _demands(sequences=_numbers(local=1))).key == "local"
    for here in (keys, replace(keys, ci=None)):
        with pytest.raises(IntegrityError, match="verdict 2, signed by the ci key, is gone"):
            verify(own, "local", here, _demands(sequences=_numbers(local=1, ci=2)))


@pytest.mark.parametrize(
    ("demands", "says"),
    [
        ({"policy_sha256": "a" * 64}, r"another gate\.yaml \(cccccccccccc\) than .* now \(aaaaaaaaaaaa\)"),
        ({"test_files": {"images": "a" * 64}}, "was tested on fmnist-test-raw@dddd.* newer test data"),
        ({"test_files": {}}, "newer test data"),
        ({"test_files": {**FILES, "labels": "a" * 64}}, "newer test data"),
    ],
)
def test_a_verdict_by_another_policy_or_on_other_data_does_not_count(
    version: ModelVersion, keys: Keys, ci: Key, demands: dict[str, Any], says: str
) -> None:
    with pytest.raises(GateRefused, match=says):
        verify(with_verdict(version, ci), "cluster", keys, _demands(**demands))
    fail = make_rule("size", outcome=Outcome.FAIL)
    overridden = with_verdict(version, ci, fail, override=Override("ada", "it fits"))
    assert verify(overridden, "cluster", keys, _demands(**demands)).overridden


def test_a_verdict_of_tomorrow_does_not_count(version: ModelVersion, keys: Keys, ci: Key) -> None:
    with pytest.raises(IntegrityError, match="yet to come"):
        verify(with_verdict(version, ci), "local", keys, _demands(now=NOW.replace(year=2025)))
    assert verify(with_verdict(version, ci, time=NOW.isoformat()), "local", keys, _demands()).passed


def test_a_refusal_has_a_signature_too(version: ModelVersion, keys: Keys, ci: Key) -> None:
    refusal = with_verdict(version, ci, make_rule("size", outcome=Outcome.FAIL))
    assert not verify_signature(refusal, "cluster", keys).passed
    text = refusal.annotations[CI_ANNOTATION].replace('"size"', '"weight"')
    with pytest.raises(IntegrityError, match="altered"):
        verify_signature(replace(version, annotations={CI_ANNOTATION: text}), "cluster", keys)
