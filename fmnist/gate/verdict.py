"""The gate's verdict, rule by rule, and the signed result that is kept with a model version."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

from fmnist.core.provenance import DataReference
from fmnist.errors import IntegrityError
from fmnist.files.documents import parse_record
from fmnist.registry.base import ModelVersion

ANNOTATION = "fmnist.gate"
CI_ANNOTATION = "fmnist.gate.ci"
SIGNATURE = "signature"
_SCHEMA = 2

KeyKind = Literal["local", "ci"]
"""Whose key signs: this machine's or CI's."""


class Outcome(StrEnum):
    """A rule's outcome; ``not applicable`` where there is nothing to judge, such as no champion yet."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


class Relation(StrEnum):
    """How the measured value must relate to the bound; it may just meet it."""

    AT_LEAST = "at least"
    AT_MOST = "at most"


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval, in the unit of its value."""

    low: float
    high: float


@dataclass(frozen=True)
class Rule:
    """One rule's outcome.

    Attributes:
        measured: the value in ``unit``; None where the rule is not applicable, or the value not finite.
        bound: in ``unit``; None where the rule is not applicable.
        unit: ``share`` (0-1, also a difference of shares, -1 to 1), ``images``, ``classes``, ``files``,
            ``commits``, ``ms`` or ``bytes``.
        uncertainty: of ``measured``; None where that is a count.
        explanation: one sentence for people.
    """

    name: str
    outcome: Outcome
    measured: int | float | None
    relation: Relation
    bound: int | float | None
    unit: str
    uncertainty: Interval | None
    explanation: str

    @property
    def broken(self) -> bool:
        return self.outcome is Outcome.FAIL


@dataclass(frozen=True)
class Verdict:
    """All rules, in the order they are read in; passed if none is broken."""

    rules: tuple[Rule, ...]

    @property
    def passed(self) -> bool:
        return not self.broken

    def rule(self, name: str) -> Rule:
        """The rule of that name; KeyError if this verdict has none."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise KeyError(name)

    @property
    def broken(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.broken)


@dataclass(frozen=True)
class Override:
    """Who overrode a verdict, and why; both for people."""

    who: str
    reason: str


@dataclass(frozen=True)
class GateResult:
    """A verdict with what it rests on; the whole of it is signed. Digests are SHA-256 in hexadecimal.

    Attributes:
        rules: the verdict; it stays as it is when ``override`` lets the version pass.
        dataset: origin of the training data: ``official``, ``synthetic`` or ``custom``.
        champion: number of the version in service that it was compared with; None if there was none.
        best: number of the best version ever promoted, likewise.
        evidence_sha256: the artifact beside the bundle.
        time: ISO 8601 in UTC.
        pipeline: address of the CI pipeline; None outside CI.
        key: whose key signs.
        key_id: which key signs; empty unless it is signed, as for a merge request.
        sequence: number among the verdicts on this bundle, from 1; 0 unless saved, and of an fmnist that
            did not number them.
    """

    rules: tuple[Rule, ...]
    model: str
    version: int
    bundle_sha256: str
    dataset: str
    policy_sha256: str
    test_data: DataReference
    champion: int | None
    best: int | None
    override: Override | None
    evidence_sha256: str
    time: str
    pipeline: str | None
    key: KeyKind
    key_id: str
    sequence: int = 0

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.rules)

    @property
    def passed(self) -> bool:
        """Whether the version may be deployed: it keeps all rules, or the verdict was overridden."""
        return self.verdict.passed or self.override is not None

    @property
    def overridden(self) -> bool:
        """Whether it passes only by an override; whoever shows the result shows this."""
        return not self.verdict.passed and self.override is not None

    @property
    def status(self) -> str:
        """``passed``, ``refused`` or ``overridden``."""
        if self.overridden:
            return "overridden"
        return "passed" if self.passed else "refused"

    @property
    def synthetic(self) -> bool:
        """Whether trained or tested on synthetic images: such a version never goes to a cluster."""
        return "synthetic" in (self.dataset, self.test_data.origin)

    @property
    def accuracy(self) -> float:
        """Share of test images classified correctly, 0-1; 0 if the verdict has no such rule."""
        return next((rule.measured or 0.0 for rule in self.rules if rule.name == "accuracy"), 0.0)

    @property
    def reasons(self) -> str:
        """The broken rules with their explanations, on one line."""
        return "; ".join(f"{rule.name} ({rule.explanation})" for rule in self.verdict.broken)

    def document(self) -> dict[str, Any]:
        """What is signed, and written as JSON."""
        document = {"schema_version": _SCHEMA, "passed": self.passed, **asdict(self)}
        if not self.sequence:
            del document["sequence"]
        return document


def annotation_of(kind: KeyKind) -> str:
    """The annotation of verdicts signed by that kind of key: a machine's never replaces CI's."""
    return CI_ANNOTATION if kind == "ci" else ANNOTATION


def kept_by(version: ModelVersion) -> tuple[KeyKind, ...]:
    """The kinds of key whose verdicts the version carries, CI's first."""
    kinds: tuple[KeyKind, ...] = ("ci", "local")
    return tuple(kind for kind in kinds if annotation_of(kind) in version.annotations)


def gate_result(version: ModelVersion) -> GateResult | None:
    """The version's result, for display: CI's if there is one. None if it was never tested.

    The signature is not checked: whoever acts on a result calls ``fmnist.gate.signing.verify``.

    Raises:
        IntegrityError: what is kept is no result, or one for another bundle.
    """
    kinds = kept_by(version)
    return read_result(version, kinds[0]) if kinds else None


def gate_status(version: ModelVersion) -> str:
    """``passed``, ``refused``, ``overridden``, ``not tested``, or ``unreadable`` if its result is broken."""
    try:
        result = gate_result(version)
    except IntegrityError:
        return "unreadable"
    return result.status if result else "not tested"


def newest_sequence(version: ModelVersion) -> int:
    """The largest number of the verdicts that the version carries; 0 if it carries none."""
    return max((result.sequence for result in _readable_results(version)), default=0)


def is_newer(text: str, than: str) -> bool:
    """Whether a verdict is newer than another by number, then time; what is not a verdict is oldest."""
    return _age(text) > _age(than)


def _age(text: str) -> tuple[int, str]:
    try:
        result = _parsed(text, "verdict")
    except IntegrityError:
        return (-1, "")
    return (result.sequence, result.time)


def attached_evidence(version: ModelVersion) -> list[str]:
    """SHA-256 of the attachments that the version's verdicts name, as far as these can be read."""
    return [result.evidence_sha256 for result in _readable_results(version)]


def _readable_results(version: ModelVersion) -> Iterator[GateResult]:
    for kind in kept_by(version):
        with suppress(IntegrityError):
            yield read_result(version, kind)


def read_result(version: ModelVersion, kind: KeyKind) -> GateResult:
    """The result that a key of ``kind`` signed, for display; the version must carry one.

    Raises:
        IntegrityError: see ``gate_result``.
    """
    key = annotation_of(kind)
    where = f"version {version.number} of {version.model}, {key}"
    try:
        result = _parsed(version.annotations[key], where)
    except IntegrityError as error:
        raise IntegrityError(f"{error}; run the gate again") from error
    if result.bundle_sha256 != version.bundle_sha256:
        raise IntegrityError(f"{where}: is about bundle {result.bundle_sha256}; run the gate again")
    return result


def _parsed(text: str, where: str) -> GateResult:
    try:
        content = json.loads(text)
        content.pop(SIGNATURE, None)
        passed = content.pop("passed")
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise IntegrityError(f"{where}: not a GateResult of this fmnist ({error!r})") from error
    result = parse_record(json.dumps(content), GateResult, where, _SCHEMA)
    if result.passed is not passed:
        raise IntegrityError(f"{where}: says passed={passed}, but its rules say {result.passed}")
    return result
