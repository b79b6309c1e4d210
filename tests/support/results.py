"""Gate results for tests that do not run the gate."""

from dataclasses import replace
from typing import Any

from fmnist.core.provenance import DataReference
from fmnist.gate.signing import Key, sign
from fmnist.gate.verdict import GateResult, Outcome, Relation, Rule, annotation_of
from fmnist.registry.base import ModelVersion


def make_rule(name: str, **changes: Any) -> Rule:
    """A rule that passes."""
    values = {
        "outcome": Outcome.PASS,
        "measured": 0.95,
        "relation": Relation.AT_LEAST,
        "bound": 0.9,
        "unit": "share",
        "uncertainty": None,
        "explanation": f"{name} is as it should be",
    }
    return Rule(name=name, **{**values, **changes})


def make_result(version: ModelVersion, *rules: Rule, **changes: Any) -> GateResult:
    """A result about ``version``, on official test data, that nobody signed."""
    values = {
        "rules": rules or (make_rule("accuracy"),),
        "model": version.model,
        "version": version.number,
        "bundle_sha256": version.bundle_sha256,
        "dataset": "official",
        "policy_sha256": "c" * 64,
        "test_data": DataReference("fmnist-test-raw", "d" * 40, "official", {"images": "e" * 64}),
        "champion": None,
        "best": None,
        "override": None,
        "evidence_sha256": "f" * 64,
        "time": "2026-01-03T00:00:00+00:00",
        "pipeline": None,
        "key": "local",
        "key_id": "0" * 16,
    }
    return GateResult(**{**values, **changes})


def with_verdict(version: ModelVersion, key: Key, *rules: Rule, **changes: Any) -> ModelVersion:
    """``version`` as a gate with this key leaves it; to store it, annotate with its annotation."""
    result = make_result(version, *rules, **{"key": key.kind, "key_id": key.id, **changes})
    return replace(version, annotations={**version.annotations, annotation_of(key.kind): sign(result, key)})
