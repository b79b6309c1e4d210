"""The gate's decision: a table of rules, applied by a pure function to what was measured."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from fmnist.core.fashion_mnist import CLASSES
from fmnist.gate.corruptions import CORRUPTIONS
from fmnist.gate.evidence import Comparison
from fmnist.gate.measure import Measurement
from fmnist.gate.policy import Policy
from fmnist.gate.statistics import Estimate, PairedTest, paired_difference
from fmnist.gate.verdict import Interval, Outcome, Relation, Rule, Verdict

RECALL_GROUP = "recall of {} classes"
DROP_GROUP = "drop by {} corruptions"


@dataclass(frozen=True)
class Candidate:
    """Everything that a rule may judge; a comparison is None where there is no such version."""

    measured: Measurement
    champion: Comparison | None
    best: Comparison | None


Value = Estimate | int | float


@dataclass(frozen=True)
class RuleSpec:
    """One rule.

    Attributes:
        measure: the value to judge, in ``unit``; None where there is nothing to judge.
        bound: in ``unit``, from the policy.
        phrase: the value's name in an explanation, before the value.
        absent: explanation where there is nothing to judge.
        explain: whole explanation, where it takes more than value and bound.
        group: name of several such rules at once, with their number; empty for a rule on its own.
    """

    name: str
    unit: str
    relation: Relation
    measure: Callable[[Candidate], Value | None]
    bound: Callable[[Policy, Candidate], int | float]
    phrase: str = ""
    absent: str = ""
    explain: Callable[[Candidate, Policy], str] | None = None
    group: str = ""


def _zero(_: Policy, __: Candidate) -> int:
    return 0


def _counted(name: str, unit: str, field: str, phrase: str) -> RuleSpec:
    """A field of the measurement that must be 0."""
    return RuleSpec(
        name, unit, Relation.AT_MOST, lambda candidate: getattr(candidate.measured, field), _zero, phrase
    )


def _bounded(name: str, unit: str, relation: Relation, field: str, phrase: str) -> RuleSpec:
    """A field of the measurement whose bound is the policy's field of the same name."""
    return RuleSpec(
        name,
        unit,
        relation,
        lambda candidate: getattr(candidate.measured, field),
        lambda policy, _: getattr(policy, field),
        phrase,
    )


def _recall(number: int, name: str) -> RuleSpec:
    return RuleSpec(
        f"recall of {name}",
        "share",
        Relation.AT_LEAST,
        lambda candidate: candidate.measured.recall[number],
        lambda policy, _: policy.recall.of(name),
        f"recall of {name}",
        group=RECALL_GROUP,
    )


def _drop(number: int, corruption: str) -> RuleSpec:
    return RuleSpec(
        f"drop by {corruption}",
        "share",
        Relation.AT_MOST,
        lambda candidate: candidate.measured.drops[number],
        lambda policy, _: policy.drop.of(corruption),
        f"accuracy drop by {corruption}",
        group=DROP_GROUP,
    )


def _compared(
    name: str,
    earlier: Callable[[Candidate], Comparison | None],
    significance: Callable[[Policy], float],
    margin: Callable[[Policy], float],
    absent: str,
) -> RuleSpec:
    """Not worse than an earlier version, by the exact one-sided McNemar test.

    ``margin`` is a share of the images that the candidate is given before the test, as if it alone
    classified them correctly; that makes the test slightly milder than its significance.
    """

    def measure(candidate: Candidate) -> Estimate | None:
        other = earlier(candidate)
        return paired_difference(other.gained, other.lost, other.images) if other else None

    def test(policy: Policy, candidate: Candidate) -> PairedTest:
        other = earlier(candidate)
        assert other
        given = round(margin(policy) * other.images)
        return PairedTest(other.lost, other.gained, other.images, given, significance(policy))

    def explain(candidate: Candidate, policy: Policy) -> str:
        other = earlier(candidate)
        assert other
        return test(policy, candidate).explanation(f"version {other.version}")

    return RuleSpec(
        name,
        "share",
        Relation.AT_LEAST,
        measure,
        lambda policy, candidate: test(policy, candidate).bound,
        absent=absent,
        explain=explain,
    )


def _wrong_classes(candidate: Candidate) -> int:
    classes = candidate.measured.classes
    wrong = sum(classes[number : number + 1] != (name,) for number, name in enumerate(CLASSES))
    return wrong + len(classes[len(CLASSES) :])


def _schema_in_words(candidate: Candidate, _: Policy) -> str:
    classes = candidate.measured.classes
    if classes == CLASSES:
        return "uint8 [n, 28, 28] in, the ten classes in their order out"
    return f"the bundle's classes are {', '.join(classes)}; expected {', '.join(CLASSES)}"


SPECS: tuple[RuleSpec, ...] = (
    _counted(
        "bundle",
        "classes",
        "golden_sample_differs",
        "classes whose probability for the bundle's golden sample is not the recorded one:",
    ),
    RuleSpec("schema", "classes", Relation.AT_MOST, _wrong_classes, _zero, explain=_schema_in_words),
    _counted(
        "usable predictions",
        "images",
        "unusable",
        "predictions that are not ten finite probabilities summing to 1:",
    ),
    RuleSpec(
        "test images",
        "images",
        Relation.AT_LEAST,
        lambda candidate: candidate.measured.images,
        lambda policy, _: policy.min_images,
        "number of test images",
    ),
    RuleSpec(
        "test data commit",
        "commits",
        Relation.AT_LEAST,
        lambda candidate: candidate.measured.commits_ahead,
        _zero,
        "commits by which the test data are newer than those the policy names:",
        absent="the policy names no commit of the test data",
    ),
    _counted(
        "test images in training",
        "images",
        "shared_images",
        "test images that are also in the training data:",
    ),
    # It refuses nothing, since synthetic images may stand in locally; ``verify`` keeps them off a cluster.
    RuleSpec(
        "real images",
        "images",
        Relation.AT_MOST,
        lambda candidate: None if candidate.measured.synthetic else 0,
        _zero,
        "synthetic images:",
        absent="synthetic images stand in: this version never goes to a cluster",
    ),
    _bounded("accuracy", "share", Relation.AT_LEAST, "accuracy", "accuracy"),
    _bounded("macro precision", "share", Relation.AT_LEAST, "macro_precision", "macro precision"),
    _bounded("macro recall", "share", Relation.AT_LEAST, "macro_recall", "macro recall"),
    _bounded("macro F1", "share", Relation.AT_LEAST, "macro_f1", "macro F1"),
    *map(_recall, range(len(CLASSES)), CLASSES),
    _compared(
        "champion",
        lambda candidate: candidate.champion,
        lambda policy: policy.champion.significance,
        lambda _: 0.0,
        "no champion yet: nothing to be worse than",
    ),
    # Many releases, each a little worse than the one before, would all pass the champion's rule.
    _compared(
        "best version",
        lambda candidate: candidate.best,
        lambda policy: policy.best.significance,
        lambda policy: policy.best.margin,
        "no version was ever promoted: nothing to be worse than",
    ),
    _bounded(
        "calibration error", "share", Relation.AT_MOST, "calibration_error", "expected calibration error"
    ),
    *map(_drop, range(len(CORRUPTIONS)), CORRUPTIONS),
    _bounded(
        "translation consistency",
        "share",
        Relation.AT_LEAST,
        "translation_consistency",
        "share of images whose predicted class stays when they move by one pixel:",
    ),
    _bounded("latency", "ms", Relation.AT_MOST, "latency_ms", "ms per image on one thread:"),
    _bounded("size", "bytes", Relation.AT_MOST, "size_bytes", "bytes of model.onnx:"),
)
"""The rules that ``decide`` applies, always all of them, in this order."""

RULES = tuple(spec.name for spec in SPECS)
GROUPS = {spec.name: spec.group for spec in SPECS}


def decide(
    measured: Measurement, champion: Comparison | None, best: Comparison | None, policy: Policy
) -> Verdict:
    """Decide whether a model version is good enough.

    ``champion`` compares it with the version in service, ``best`` with the best one ever promoted; None
    where there is none. A better value never turns a pass into a refusal.
    """
    candidate = Candidate(measured, champion, best)
    return Verdict(tuple(_applied(spec, candidate, policy) for spec in SPECS))


def _applied(spec: RuleSpec, candidate: Candidate, policy: Policy) -> Rule:
    measured = spec.measure(candidate)
    if measured is None:
        return Rule(
            spec.name, Outcome.NOT_APPLICABLE, None, spec.relation, None, spec.unit, None, spec.absent
        )
    value, uncertainty = (
        (measured.value, measured.uncertainty) if isinstance(measured, Estimate) else (measured, None)
    )
    bound = spec.bound(policy, candidate)
    finite = math.isfinite(value)
    kept = finite and (value >= bound if spec.relation is Relation.AT_LEAST else value <= bound)
    return Rule(
        name=spec.name,
        outcome=Outcome.PASS if kept else Outcome.FAIL,
        measured=value if finite else None,
        relation=spec.relation,
        bound=bound,
        unit=spec.unit,
        uncertainty=uncertainty,
        explanation=spec.explain(candidate, policy)
        if spec.explain
        else _in_words(spec, value, uncertainty, bound, kept),
    )


def _in_words(spec: RuleSpec, value: float, uncertainty: Interval | None, bound: float, kept: bool) -> str:
    """``accuracy 0.9244 (0.9191 to 0.9294) >= 0.9000``."""
    asked, broken = (">=", "<") if spec.relation is Relation.AT_LEAST else ("<=", ">")
    interval = f" ({uncertainty.low:.4f} to {uncertainty.high:.4f})" if uncertainty else ""
    if not math.isfinite(value):
        return f"{spec.phrase} {value} is not finite; {asked} {_text(bound)} is required"
    return f"{spec.phrase} {_text(value)}{interval} {asked if kept else broken} {_text(bound)}"


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
