"""The gate's decision, a pure function of what was measured and what the policy asks."""

import math
from collections.abc import Iterator

from fmnist.core.fashion_mnist import CLASSES
from fmnist.gate.corruptions import CORRUPTIONS
from fmnist.gate.evidence import Comparison
from fmnist.gate.measurement import Estimate, Measurement
from fmnist.gate.paired import BEST, CHAMPION, best_rule, champion_rule
from fmnist.gate.policy import Policy
from fmnist.gate.verdict import Interval, Outcome, Relation, Rule, Verdict

RECALL_RULES = tuple(f"recall of {name}" for name in CLASSES)
DROP_RULES = tuple(f"drop by {name}" for name in CORRUPTIONS)
RULES = (
    "bundle",
    "schema",
    "usable answers",
    "test images",
    "test data commit",
    "test images in training",
    "real pictures",
    "accuracy",
    "macro precision",
    "macro recall",
    "macro F1",
    *RECALL_RULES,
    CHAMPION,
    BEST,
    "calibration error",
    *DROP_RULES,
    "steadiness",
    "latency",
    "size",
)
"""The names of the rules that ``decide`` applies, always all of them, in this order."""


def decide(
    candidate: Measurement, champion: Comparison | None, best: Comparison | None, policy: Policy
) -> Verdict:
    """Whether a model version is good enough.

    ``champion`` compares it with the version that serves, ``best`` with the best one ever promoted;
    None where there is none. A better value never turns a pass into a refusal.
    """
    return Verdict(
        (
            *_data_rules(candidate, policy),
            *_quality_rules(candidate, policy),
            champion_rule(champion, policy.champion),
            best_rule(best, policy.best),
            *_behaviour_rules(candidate, policy),
        )
    )


def _data_rules(measured: Measurement, policy: Policy) -> Iterator[Rule]:
    yield _count("bundle", measured.altered_files, 0, "files", "files are not those registered")
    yield _schema(measured.classes)
    yield _count(
        "usable answers", measured.unusable, 0, "images", "answers are not ten finite shares that sum to 1"
    )
    yield _at_least("test images", Estimate(measured.images, None), policy.least_images, "images", "images")
    yield _test_data_commit(measured.commits_ahead)
    yield _count(
        "test images in training", measured.shared_images, 0, "images", "test images are in the training data"
    )
    yield _real_pictures(measured.synthetic)


def _quality_rules(measured: Measurement, policy: Policy) -> Iterator[Rule]:
    yield _at_least("accuracy", measured.accuracy, policy.accuracy, "share", "of the images are named right")
    for name, value, bound in (
        ("macro precision", measured.macro_precision, policy.macro_precision),
        ("macro recall", measured.macro_recall, policy.macro_recall),
        ("macro F1", measured.macro_f1, policy.macro_f1),
    ):
        yield _at_least(name, value, bound, "share", "over the ten classes")
    for rule, name, recall in zip(RECALL_RULES, CLASSES, measured.recall, strict=True):
        yield _at_least(rule, recall, policy.recall.of(name), "share", "are found")


def _behaviour_rules(measured: Measurement, policy: Policy) -> Iterator[Rule]:
    yield _at_most(
        "calibration error",
        measured.calibration_error,
        policy.calibration_error,
        "share",
        "between how sure the answers are and how often they are right",
    )
    for rule, name, drop in zip(DROP_RULES, CORRUPTIONS, measured.drops, strict=True):
        yield _at_most(rule, drop, policy.drop.of(name), "share", "less accuracy")
    yield _at_least(
        "steadiness",
        measured.steadiness,
        policy.steadiness,
        "share",
        "keep their answer when moved by a pixel",
    )
    yield _at_most(
        "latency", Estimate(measured.latency_ms, None), policy.latency_ms, "ms", "ms per image on one thread"
    )
    yield _count("size", measured.size_bytes, policy.size_bytes, "bytes", "bytes")


def _schema(classes: tuple[str, ...]) -> Rule:
    wrong = [number for number, name in enumerate(CLASSES) if classes[number : number + 1] != (name,)]
    surplus = classes[len(CLASSES) :]
    return Rule(
        name="schema",
        outcome=_outcome(classes == CLASSES),
        measured=len(wrong) + len(surplus),
        relation=Relation.AT_MOST,
        bound=0,
        unit="classes",
        uncertainty=None,
        explanation="uint8 [n, 28, 28] in, the ten classes in their order out"
        if classes == CLASSES
        else f"the bundle has {', '.join(classes)}; expected {', '.join(CLASSES)}",
    )


def _test_data_commit(ahead: int | None) -> Rule:
    if ahead is None:
        return _not_applicable("test data commit", "commits", "the policy names no commit of the test data")
    if ahead < 0:
        told = f"the test data are {-ahead} commits older than those that the policy names"
    else:
        told = f"the test data are those that the policy names, or newer ({ahead} commits)"
    return Rule("test data commit", _outcome(ahead >= 0), ahead, Relation.AT_LEAST, 0, "commits", None, told)


def _real_pictures(synthetic: bool) -> Rule:
    """Refuses nothing here, where drawn images may stand in; ``verify`` keeps them off a cluster."""
    if synthetic:
        return _not_applicable(
            "real pictures", "images", "drawn images stand in: this version never goes to a cluster"
        )
    return Rule(
        "real pictures", Outcome.PASS, 0, Relation.AT_MOST, 0, "images", None, "no drawn images were used"
    )


def _at_least(name: str, measured: Estimate, bound: float, unit: str, what: str) -> Rule:
    return _bounded(name, measured, Relation.AT_LEAST, bound, unit, what)


def _at_most(name: str, measured: Estimate, bound: float, unit: str, what: str) -> Rule:
    return _bounded(name, measured, Relation.AT_MOST, bound, unit, what)


def _count(name: str, measured: int, bound: int, unit: str, what: str) -> Rule:
    return _at_most(name, Estimate(measured, None), bound, unit, what)


def _bounded(name: str, measured: Estimate, relation: Relation, bound: float, unit: str, what: str) -> Rule:
    value = measured.value
    finite = math.isfinite(value)
    met = value >= bound if relation is Relation.AT_LEAST else value <= bound
    asked = f"{relation} {_text(bound)} {'asked' if relation is Relation.AT_LEAST else 'allowed'}"
    return Rule(
        name=name,
        outcome=_outcome(finite and met),
        measured=value if finite else None,
        relation=relation,
        bound=bound,
        unit=unit,
        uncertainty=measured.uncertainty,
        explanation=f"{_text(value)} {what}{_within(measured.uncertainty)}, {asked}",
    )


def _not_applicable(name: str, unit: str, why: str) -> Rule:
    return Rule(name, Outcome.NOT_APPLICABLE, None, Relation.AT_LEAST, None, unit, None, why)


def _outcome(passed: bool) -> Outcome:
    return Outcome.PASS if passed else Outcome.FAIL


def _within(uncertainty: Interval | None) -> str:
    return f" ({uncertainty.low:.4f} to {uncertainty.high:.4f})" if uncertainty else ""


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
