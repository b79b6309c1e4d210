"""The gate's decision, a pure function of what was measured and what the policy asks."""

import math
from collections.abc import Iterator

from fmnist.fashion_mnist import CLASSES
from fmnist.gate.measurement import Measurement
from fmnist.gate.policy import Policy
from fmnist.gate.verdict import Outcome, Relation, Rule, Verdict

RECALL_RULES = tuple(f"recall of {name}" for name in CLASSES)
RULES = (
    "class order",
    "usable answers",
    "test images",
    "accuracy",
    "macro F1",
    *RECALL_RULES,
    "latency",
    "size",
)
"""The names of the rules that ``decide`` applies, always all of them, in this order."""


def decide(measurement: Measurement, policy: Policy) -> Verdict:
    """Whether a model version is good enough."""
    return Verdict(tuple(_rules(measurement, policy)))


def _rules(measured: Measurement, policy: Policy) -> Iterator[Rule]:
    yield _class_order(measured.classes)
    yield _at_most(
        "usable answers", measured.unusable, 0, "images", "answers are not ten finite shares that sum to 1"
    )
    yield _at_least("test images", measured.images, policy.least_images, "images", "images")
    yield _at_least("accuracy", measured.accuracy, policy.accuracy, "share", "of the images are named right")
    yield _at_least("macro F1", measured.macro_f1, policy.macro_f1, "share", "over the ten classes")
    for rule, name, recall in zip(RECALL_RULES, CLASSES, measured.recall, strict=True):
        yield _at_least(rule, recall, policy.recall.of(name), "share", "are found")
    yield _at_most("latency", measured.latency_ms, policy.latency_ms, "ms", "ms per image")
    yield _at_most("size", measured.size_bytes, policy.size_bytes, "bytes", "bytes")


def _class_order(classes: tuple[str, ...]) -> Rule:
    wrong = [number for number, name in enumerate(CLASSES) if classes[number : number + 1] != (name,)]
    surplus = classes[len(CLASSES) :]
    return Rule(
        name="class order",
        outcome=_outcome(classes == CLASSES),
        measured=len(wrong) + len(surplus),
        relation=Relation.AT_MOST,
        bound=0,
        unit="classes",
        uncertainty=None,
        explanation="the ten classes in their order"
        if classes == CLASSES
        else f"the bundle has {', '.join(classes)}; expected {', '.join(CLASSES)}",
    )


def _at_least(name: str, measured: float, bound: float, unit: str, what: str) -> Rule:
    return _bounded(name, measured, Relation.AT_LEAST, bound, unit, what)


def _at_most(name: str, measured: float, bound: float, unit: str, what: str) -> Rule:
    return _bounded(name, measured, Relation.AT_MOST, bound, unit, what)


def _bounded(name: str, measured: float, relation: Relation, bound: float, unit: str, what: str) -> Rule:
    finite = math.isfinite(measured)
    met = measured >= bound if relation is Relation.AT_LEAST else measured <= bound
    asked = "asked" if relation is Relation.AT_LEAST else "allowed"
    return Rule(
        name=name,
        outcome=_outcome(finite and met),
        measured=measured if finite else None,
        relation=relation,
        bound=bound,
        unit=unit,
        uncertainty=None,
        explanation=f"{_text(measured)} {what}, {relation} {_text(bound)} {asked}",
    )


def _outcome(passed: bool) -> Outcome:
    return Outcome.PASS if passed else Outcome.FAIL


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
