"""The gate's verdict as it is kept with the model version that it is about."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fmnist.core.provenance import DataReference
from fmnist.errors import IntegrityError
from fmnist.gate.keys import KeyKind
from fmnist.gate.verdict import Rule, Verdict
from fmnist.registry.base import ModelVersion

ANNOTATION = "fmnist.gate"
CI_ANNOTATION = "fmnist.gate.ci"
SIGNATURE = "signature"
_SCHEMA = 2


@dataclass(frozen=True)
class Override:
    """Who forced a pass, and why; both for people."""

    who: str
    reason: str


@dataclass(frozen=True)
class GateResult:
    """A verdict with what it rests on; the whole of it is signed.

    ``verdict`` stays what the rules say also when ``override`` forces the pass. ``dataset`` is the
    origin of the training data (``official``, ``synthetic`` or ``custom``). ``champion`` and ``best``
    are the versions it was compared with, None where there was none. ``time`` is ISO 8601 in UTC,
    ``pipeline`` the CI pipeline's address, None outside CI. ``evidence_sha256`` names the artifact
    beside the bundle; ``key`` says whose key signs, ``key_id`` which. Sums are SHA-256 in hexadecimal.
    """

    verdict: Verdict
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

    @property
    def passed(self) -> bool:
        """Whether the version may go on: by its rules, or because someone forced it."""
        return self.verdict.passed or self.override is not None

    @property
    def forced(self) -> bool:
        """Whether it passes only because someone said so; whoever shows the result shows this."""
        return not self.verdict.passed and self.override is not None

    @property
    def outcome(self) -> str:
        """``passed``, ``refused`` or ``forced``, for people."""
        if self.forced:
            return "forced"
        return "passed" if self.passed else "refused"

    @property
    def synthetic(self) -> bool:
        """Whether trained or tested on drawn images: such a version never goes to a cluster."""
        return "synthetic" in (self.dataset, self.test_data.origin)

    @property
    def accuracy(self) -> float:
        """Share of test images named right, 0-1."""
        return self.verdict.rule("accuracy").measured or 0.0

    @property
    def reasons(self) -> str:
        """The broken rules with what they found, on one line."""
        return "; ".join(f"{rule.name} ({rule.explanation})" for rule in self.verdict.broken)

    def document(self) -> dict[str, Any]:
        """What is signed, and written as JSON."""
        fields = asdict(self)
        del fields["verdict"]
        return {
            "schema_version": _SCHEMA,
            "passed": self.passed,
            "rules": [asdict(rule) for rule in self.verdict.rules],
            **fields,
        }


def annotation_of(kind: KeyKind) -> str:
    """Where a verdict by that kind of key is kept: a machine's own never takes the place of CI's."""
    return CI_ANNOTATION if kind == "ci" else ANNOTATION


def kept_by(version: ModelVersion) -> tuple[KeyKind, ...]:
    """The kinds of key whose verdicts the version carries, CI's first."""
    kinds: tuple[KeyKind, ...] = ("ci", "local")
    return tuple(kind for kind in kinds if annotation_of(kind) in version.annotations)


def gate_result(version: ModelVersion) -> GateResult | None:
    """The version's result, to look at: CI's if there is one. None if it was never tested.

    The signature is not checked: who acts on a result asks ``fmnist.gate.signature.verify``.

    Raises:
        IntegrityError: what is kept is no result, or one for another bundle.
    """
    kinds = kept_by(version)
    return read_result(version, kinds[0]) if kinds else None


def read_result(version: ModelVersion, kind: KeyKind) -> GateResult:
    """The result that a key of ``kind`` signed, to look at; the version must carry one.

    Raises:
        IntegrityError: see ``gate_result``.
    """
    key = annotation_of(kind)
    where = f"version {version.number} of {version.model}, {key}"
    try:
        result = _from_document(json.loads(version.annotations[key]), where)
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{where}: not a gate result ({error!r}); run the gate again") from error
    if result.bundle_sha256 != version.bundle_sha256:
        raise IntegrityError(f"{where}: is about bundle {result.bundle_sha256}; run the gate again")
    return result


def _from_document(raw: Mapping[str, Any], where: str) -> GateResult:
    if raw["schema_version"] != _SCHEMA:
        raise IntegrityError(
            f"{where}: schema_version is {raw['schema_version']}, this fmnist reads {_SCHEMA}; "
            "run the gate again"
        )
    fields = {name: value for name, value in raw.items() if name not in _NOT_FIELDS}
    fields["verdict"] = Verdict(tuple(map(Rule.from_document, raw["rules"])))
    fields["test_data"] = DataReference(**raw["test_data"])
    fields["override"] = None if raw["override"] is None else Override(**raw["override"])
    result = GateResult(**fields)
    if result.passed is not raw["passed"]:
        raise IntegrityError(f"{where}: says passed={raw['passed']}, but its rules say {result.passed}")
    return result


_NOT_FIELDS = ("schema_version", "passed", "rules", SIGNATURE)
