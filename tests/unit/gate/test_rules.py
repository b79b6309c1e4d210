from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist.core.fashion_mnist import CLASSES
from fmnist.gate.corruptions import CORRUPTIONS
from fmnist.gate.evidence import Comparison
from fmnist.gate.measure import Measurement
from fmnist.gate.policy import BestPolicy, ChampionPolicy, DropPolicy, Policy, RecallPolicy
from fmnist.gate.rules import GROUPS, RULES, decide
from fmnist.gate.statistics import Estimate
from fmnist.gate.verdict import Interval, Outcome

_POLICY = Policy(
    schema_version=2,
    accuracy=0.9,
    macro_precision=0.89,
    macro_recall=0.88,
    macro_f1=0.87,
    recall=RecallPolicy(every_class=0.7, exceptions={"Shirt": 0.55}),
    champion=ChampionPolicy(significance=0.04),
    best=BestPolicy(margin=0.005, significance=0.01),
    calibration_error=0.05,
    drop=DropPolicy(noise=0.1, blur=0.2, brightness=0.3, shift=0.4, contrast=0.5),
    translation_consistency=0.8,
    latency_ms=1.0,
    size_bytes=5000,
    min_images=1000,
)


def _sure(value: float) -> Estimate:
    return Estimate(value, Interval(value, value))


# Every value is exactly at its bound.
_JUST = Measurement(
    golden_sample_differs=0,
    classes=CLASSES,
    unusable=0,
    images=1000,
    commits_ahead=0,
    shared_images=0,
    synthetic=False,
    accuracy=_sure(0.9),
    macro_precision=_sure(0.89),
    macro_recall=_sure(0.88),
    macro_f1=_sure(0.87),
    recall=tuple(_sure(0.55 if name == "Shirt" else 0.7) for name in CLASSES),
    calibration_error=_sure(0.05),
    drops=tuple(map(_sure, (0.1, 0.2, 0.3, 0.4, 0.5))),
    translation_consistency=_sure(0.8),
    latency_ms=1.0,
    size_bytes=5000,
)


def _against(lost: int, gained: int, version: int = 3) -> Comparison:
    return Comparison(version, 0.92, 10_000, lost, gained, (0.92,) * len(CLASSES))


def _recall(name: str, value: float) -> tuple[Estimate, ...]:
    return tuple(_sure(value if other == name else 0.95) for other in CLASSES)


def _drop(name: str, value: float) -> tuple[Estimate, ...]:
    return tuple(_sure(value if other == name else 0.0) for other in CORRUPTIONS)


def test_groups_are_those_of_classes_and_corruptions() -> None:
    groups = [group for group in GROUPS.values() if group]
    assert groups == ["recall of {} classes"] * 10 + ["drop by {} corruptions"] * 5


def test_the_best_version_may_be_missed_by_the_margin() -> None:
    verdict = decide(_JUST, _against(345, 255), _against(345, 255), _POLICY)
    assert [rule.name for rule in verdict.broken] == ["champion"]
    rule = verdict.rule("best version")
    assert "with a margin of 50 images" in rule.explanation
    assert rule.measured == -0.009
    assert rule.uncertainty is not None
    assert rule.uncertainty.low < -0.009 < rule.uncertainty.high


def test_bounds_may_just_be_met() -> None:
    verdict = decide(_JUST, None, None, _POLICY)
    assert verdict.passed
    assert verdict.broken == ()


def test_every_rule_is_always_there_in_order() -> None:
    assert tuple(rule.name for rule in decide(_JUST, None, None, _POLICY).rules) == RULES
    assert len(set(RULES)) == len(RULES)


@pytest.mark.parametrize(
    ("change", "broken", "says"),
    [
        (
            {"accuracy": _sure(0.8999)},
            "accuracy",
            "accuracy 0.8999 (0.8999 to 0.8999) < 0.9000",
        ),
        ({"accuracy": _sure(float("nan"))}, "accuracy", "accuracy nan is not finite; >= 0.9000 is required"),
        ({"macro_precision": _sure(0.8899)}, "macro precision", "0.8899"),
        ({"macro_recall": _sure(0.8799)}, "macro recall", "0.8799"),
        ({"macro_f1": _sure(0.8699)}, "macro F1", "0.8699"),
        (
            {"recall": _recall("Shirt", 0.5499)},
            "recall of Shirt",
            "0.5499 (0.5499 to 0.5499) < 0.5500",
        ),
        ({"recall": _recall("Trouser", 0.6999)}, "recall of Trouser", "< 0.7000"),
        (
            {"calibration_error": _sure(0.0501)},
            "calibration error",
            "error 0.0501 (0.0501 to 0.0501) > 0.0500",
        ),
        ({"drops": _drop("noise", 0.1001)}, "drop by noise", "> 0.1000"),
        ({"drops": _drop("contrast", 0.5001)}, "drop by contrast", "accuracy drop by contrast 0.5001"),
        ({"translation_consistency": _sure(0.7999)}, "translation consistency", "move by one pixel: 0.7999"),
        ({"images": 999}, "test images", "number of test images 999 < 1,000"),
        ({"unusable": 1}, "usable predictions", "not ten finite probabilities summing to 1: 1 > 0"),
        ({"golden_sample_differs": 1}, "bundle", "golden sample is not the recorded one: 1 > 0"),
        (
            {"shared_images": 2},
            "test images in training",
            "also in the training data: 2 > 0",
        ),
        ({"commits_ahead": -2}, "test data commit", "newer than those the policy names: -2 < 0"),
        ({"latency_ms": 1.001}, "latency", "ms per image on one thread: 1.0010 > 1.0000"),
        ({"latency_ms": float("inf")}, "latency", "inf"),
        ({"size_bytes": 5001}, "size", "bytes of model.onnx: 5,001 > 5,000"),
        ({"classes": (CLASSES[1], CLASSES[0], *CLASSES[2:])}, "schema", "Trouser, T-shirt/top"),
        ({"classes": CLASSES[:9]}, "schema", "expected T-shirt/top"),
        ({"classes": (*CLASSES, "Hat")}, "schema", "Hat"),
        ({"classes": ()}, "schema", "expected"),
    ],
)
def test_one_broken_rule_refuses_and_is_explained(change: dict[str, Any], broken: str, says: str) -> None:
    verdict = decide(replace(_JUST, **change), None, None, _POLICY)
    assert not verdict.passed
    assert [rule.name for rule in verdict.broken] == [broken]
    assert says in verdict.rule(broken).explanation


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        ({}, "champion", "no champion yet"),
        ({}, "best version", "no version was ever promoted"),
        ({"commits_ahead": None}, "test data commit", "the policy names no commit"),
        ({"synthetic": True}, "real images", "never goes to a cluster"),
    ],
)
def test_a_rule_without_anything_to_judge_says_so(change: dict[str, Any], name: str, says: str) -> None:
    verdict = decide(replace(_JUST, **change), None, None, _POLICY)
    rule = verdict.rule(name)
    assert verdict.passed
    assert (rule.outcome, rule.measured, rule.bound) == (Outcome.NOT_APPLICABLE, None, None)
    assert says in rule.explanation


def test_every_rule_tells_of_its_uncertainty_or_is_a_count() -> None:
    exact = {rule.name for rule in decide(_JUST, None, None, _POLICY).rules if rule.uncertainty is None}
    assert exact == {
        *("bundle", "schema", "usable predictions", "test images", "test data commit", "real images"),
        *("test images in training", "latency", "size", "champion", "best version"),
    }


_share = st.floats(0, 1).map(_sure)
_measurements = st.builds(
    Measurement,
    golden_sample_differs=st.integers(0, 2),
    classes=st.just(CLASSES),
    unusable=st.integers(0, 3),
    images=st.integers(1, 20_000),
    commits_ahead=st.integers(-3, 3),
    shared_images=st.integers(0, 2),
    synthetic=st.booleans(),
    accuracy=_share,
    macro_precision=_share,
    macro_recall=_share,
    macro_f1=_share,
    recall=st.tuples(*[_share] * len(CLASSES)),
    calibration_error=_share,
    drops=st.tuples(*[st.floats(-1, 1).map(_sure)] * len(CORRUPTIONS)),
    translation_consistency=_share,
    latency_ms=st.floats(0.001, 10),
    size_bytes=st.integers(1, 10_000),
)
_counts = st.tuples(st.integers(0, 700), st.integers(0, 700))

_HIGHER_IS_BETTER = (
    *("images", "commits_ahead", "accuracy", "macro_precision", "macro_recall", "macro_f1"),
    *("recall", "translation_consistency"),
)
_LOWER_IS_BETTER = (
    *("golden_sample_differs", "unusable", "shared_images", "synthetic", "calibration_error"),
    *("drops", "latency_ms", "size_bytes"),
)


def _value(measured: Any) -> Any:
    return measured.value if isinstance(measured, Estimate) else measured


def _of_both(one: Measurement, other: Measurement, name: str, choose: Any) -> Any:
    first, second = getattr(one, name), getattr(other, name)
    if isinstance(first, tuple):
        return tuple(choose(pair, key=_value) for pair in zip(first, second, strict=True))
    return choose((first, second), key=_value)


@settings(deadline=None)
@given(_measurements, _measurements, _counts, _counts, _counts, _counts)
def test_better_values_never_turn_a_pass_into_a_refusal(
    one: Measurement,
    other: Measurement,
    champion: tuple[int, int],
    less_than_champion: tuple[int, int],
    best: tuple[int, int],
    less_than_best: tuple[int, int],
) -> None:
    better = Measurement(
        classes=CLASSES,
        **{name: _of_both(one, other, name, max) for name in _HIGHER_IS_BETTER},
        **{name: _of_both(one, other, name, min) for name in _LOWER_IS_BETTER},
    )
    before = decide(one, _against(*champion), _against(*best), _POLICY)
    after = decide(
        better,
        _against(min(champion[0], less_than_champion[0]), max(champion[1], less_than_champion[1])),
        _against(min(best[0], less_than_best[0]), max(best[1], less_than_best[1])),
        _POLICY,
    )
    for earlier, later in zip(before.rules, after.rules, strict=True):
        assert earlier.broken or not later.broken
    assert after.passed or not before.passed


@settings(deadline=None)
@given(_measurements, _counts)
def test_the_verdict_is_that_of_its_rules(measurement: Measurement, counts: tuple[int, int]) -> None:
    verdict = decide(measurement, _against(*counts), None, _POLICY)
    assert verdict == decide(measurement, _against(*counts), None, _POLICY)
    assert verdict.passed is not any(rule.broken for rule in verdict.rules)
    assert all(rule.explanation for rule in verdict.rules)


@settings(deadline=None)
@given(_counts)
def test_comparisons_meet_their_bound_just_when_they_pass(counts: tuple[int, int]) -> None:
    verdict = decide(_JUST, _against(*counts), _against(*counts), _POLICY)
    for name in ("champion", "best version"):
        rule = verdict.rule(name)
        assert rule.measured is not None
        assert rule.bound is not None
        assert rule.broken is (rule.measured < rule.bound)
