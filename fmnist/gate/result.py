"""The gate's verdict as it is kept with the model version that it is about."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fmnist.bundle import DataReference
from fmnist.errors import IntegrityError
from fmnist.gate.verdict import Rule, Verdict
from fmnist.registry.base import ModelRegistry, ModelVersion

ANNOTATION = "fmnist.gate"
_SCHEMA = 1


@dataclass(frozen=True)
class GateResult:
    """A verdict with what it rests on. ``time`` is ISO 8601 in UTC; sums are SHA-256 in hexadecimal."""

    verdict: Verdict
    bundle_sha256: str
    policy_sha256: str
    test_data: DataReference
    time: str

    @property
    def passed(self) -> bool:
        return self.verdict.passed

    @property
    def accuracy(self) -> float:
        """Share of test images named right, 0-1."""
        return self.verdict.rule("accuracy").measured

    def document(self) -> dict[str, Any]:
        """What is written as JSON."""
        return {
            "schema_version": _SCHEMA,
            "passed": self.passed,
            "rules": [asdict(rule) for rule in self.verdict.rules],
            "bundle_sha256": self.bundle_sha256,
            "policy_sha256": self.policy_sha256,
            "test_data": asdict(self.test_data),
            "time": self.time,
        }


def write_result(registry: ModelRegistry, version: ModelVersion, result: GateResult) -> ModelVersion:
    """Keep the result, passed or not, in the version's annotations; an older one is replaced."""
    return registry.annotate(version, ANNOTATION, json.dumps(result.document(), allow_nan=False))


def gate_result(version: ModelVersion) -> GateResult | None:
    """The version's result; None if it was never tested.

    Raises:
        IntegrityError: what is kept is no result, or one for another bundle.
    """
    text = version.annotations.get(ANNOTATION)
    if text is None:
        return None
    where = f"version {version.number} of {version.model}, {ANNOTATION}"
    try:
        result = _from_document(json.loads(text), where)
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{where}: not a gate result ({error!r}); run the gate again") from error
    if result.bundle_sha256 != version.bundle_sha256:
        raise IntegrityError(f"{where}: is about bundle {result.bundle_sha256}; run the gate again")
    return result


def _from_document(raw: Mapping[str, Any], where: str) -> GateResult:
    if raw["schema_version"] != _SCHEMA:
        raise IntegrityError(
            f"{where}: schema_version is {raw['schema_version']}, this fmnist reads {_SCHEMA}"
        )
    verdict = Verdict(tuple(Rule(**rule) for rule in raw["rules"]))
    if verdict.passed is not raw["passed"]:
        raise IntegrityError(f"{where}: says passed={raw['passed']}, but its rules say {verdict.passed}")
    return GateResult(
        verdict=verdict,
        bundle_sha256=raw["bundle_sha256"],
        policy_sha256=raw["policy_sha256"],
        test_data=DataReference(**raw["test_data"]),
        time=raw["time"],
    )
