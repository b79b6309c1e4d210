from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist.fashion_mnist import CLASSES
from fmnist.gate.measurement import Measurement
from fmnist.gate.policy import Policy, RecallPolicy
from fmnist.gate.rules import RULES, decide

_POLICY = Policy(
    schema_version=1,
    accuracy=0.9,
    macro_f1=0.89,
    recall=RecallPolicy(every_class=0.7, exceptions={"Shirt": 0.55}),
    least_images=1000,
    latency_ms=1.0,
    size_bytes=5000,
)
# Every value is exactly at its bound.
_JUST = Measurement(
    classes=CLASSES,
    images=1000,
    unusable=0,
    accuracy=0.9,
    macro_f1=0.89,
    recall=tuple(0.55 if name == "Shirt" else 0.7 for name in CLASSES),
    latency_ms=1.0,
    size_bytes=5000,
)


def _recall(name: str, value: float) -> tuple[float, ...]:
    return tuple(value if other == name else 0.95 for other in CLASSES)


def test_bounds_may_just_be_met() -> None:
    verdict = decide(_JUST, _POLICY)
    assert verdict.passed
    assert verdict.broken == ()


def test_every_rule_is_always_there_in_order() -> None:
    assert tuple(rule.name for rule in decide(_JUST, _POLICY).rules) == RULES
    assert len(set(RULES)) == len(RULES)


@pytest.mark.parametrize(
    ("change", "broken", "says"),
    [
        (
            {"accuracy": 0.8999},
            "accuracy",
            "0.8999 of the images are named right, at least 0.9000 asked",
        ),
        ({"accuracy": float("nan")}, "accuracy", "nan"),
        ({"macro_f1": 0.8899}, "macro F1", "0.8899"),
        ({"recall": _recall("Shirt", 0.5499)}, "recall of Shirt", "at least 0.5500"),
        ({"recall": _recall("Trouser", 0.6999)}, "recall of Trouser", "at least 0.7000"),
        ({"images": 999}, "test images", "999 images, at least 1,000 asked"),
        ({"unusable": 1}, "usable answers", "1 answers are not ten finite shares"),
        ({"latency_ms": 1.001}, "latency", "1.0010 ms"),
        ({"latency_ms": float("inf")}, "latency", "inf"),
        ({"size_bytes": 5001}, "size", "5,001 bytes"),
        ({"classes": (CLASSES[1], CLASSES[0], *CLASSES[2:])}, "class order", "Trouser, T-shirt/top"),
        ({"classes": CLASSES[:9]}, "class order", "expected T-shirt/top"),
        ({"classes": (*CLASSES, "Hat")}, "class order", "Hat"),
        ({"classes": ()}, "class order", "expected"),
    ],
)
def test_one_broken_rule_refuses_and_is_explained(change: dict[str, Any], broken: str, says: str) -> None:
    verdict = decide(replace(_JUST, **change), _POLICY)
    assert not verdict.passed
    assert [rule.name for rule in verdict.broken] == [broken]
    assert says in verdict.rule(broken).explanation


_share = st.floats(0, 1)
_measurements = st.builds(
    Measurement,
    classes=st.just(CLASSES),
    images=st.integers(1, 20_000),
    unusable=st.integers(0, 3),
    accuracy=_share,
    macro_f1=_share,
    recall=st.tuples(*[_share] * len(CLASSES)),
    latency_ms=st.floats(0.001, 10),
    size_bytes=st.integers(1, 10_000),
)


@given(_measurements, _measurements)
def test_better_values_never_turn_a_pass_into_a_refusal(one: Measurement, other: Measurement) -> None:
    better = Measurement(
        classes=CLASSES,
        images=max(one.images, other.images),
        unusable=min(one.unusable, other.unusable),
        accuracy=max(one.accuracy, other.accuracy),
        macro_f1=max(one.macro_f1, other.macro_f1),
        recall=tuple(map(max, one.recall, other.recall)),
        latency_ms=min(one.latency_ms, other.latency_ms),
        size_bytes=min(one.size_bytes, other.size_bytes),
    )
    for before, after in zip(decide(one, _POLICY).rules, decide(better, _POLICY).rules, strict=True):
        assert before.broken or not after.broken


@given(_measurements)
def test_the_verdict_is_that_of_its_rules(measurement: Measurement) -> None:
    verdict = decide(measurement, _POLICY)
    assert verdict == decide(measurement, _POLICY)
    assert verdict.passed is not any(rule.broken for rule in verdict.rules)
    assert all(rule.explanation for rule in verdict.rules)
