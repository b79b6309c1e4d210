"""Reports for tests, of versions that nobody tested."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from fmnist.core.fashion_mnist import CLASSES, MODEL_NAME
from fmnist.gate.evidence import (
    ClassScores,
    Comparison,
    CorruptionEffect,
    Evidence,
    ReliabilityBin,
    SampleError,
)
from fmnist.gate.verdict import GateResult, Interval, Outcome, Rule
from fmnist.registry.base import ModelVersion
from fmnist.report.model import ModelReport, Picture, VersionEntry
from tests.support.bundles import make_bundle
from tests.support.results import make_result, make_rule

BROKEN = make_rule("recall of Shirt", outcome=Outcome.FAIL, measured=0.4, explanation="0.4 are found")


def make_version(folder: Path, number: int = 1, origin: str = "official") -> ModelVersion:
    bundle = make_bundle(folder / str(number), origin=origin, seed=number)
    return ModelVersion(
        MODEL_NAME, number, "2026-01-02T00:00:00+00:00", bundle.sha256, bundle.metadata, annotations={}
    )


def make_evidence(*rules: Rule, **changes: Any) -> Evidence:
    evidence = Evidence(
        rules=rules,
        classes=tuple(ClassScores(name, 10, 0.9, 0.8, 0.85) for name in CLASSES),
        confusion=tuple(tuple(8 if row == column else 0 for column in range(10)) for row in range(10)),
        reliability=(ReliabilityBin(0.0, 0.5, 0, 0.0, 0.0), ReliabilityBin(0.5, 1.0, 100, 0.9, 0.8)),
        expected_calibration_error=0.1,
        corruptions=(CorruptionEffect("noise", 0.7, 0.1, Interval(0.05, 0.15)),),
        errors=(SampleError(3, 6, 0, 0.99, 0.01),),
        champion=Comparison(7, 0.85, 100, lost=9, gained=4, recall=(0.9,) * 10),
        best=None,
        policy={},
    )
    return replace(evidence, **changes)


def make_entry(version: ModelVersion, *rules: Rule, evidence: bool = True, **changes: Any) -> VersionEntry:
    result: GateResult = make_result(version, *(rules or (make_rule("accuracy"),)), **changes)
    if not evidence:
        return VersionEntry(version, result, None, (), ())
    made = make_evidence(*result.verdict.rules)
    pictures = tuple(Picture(error, bytes(range(256)) * 3 + bytes(16)) for error in made.errors)
    return VersionEntry(version, result, made, pictures, ())


def make_report(*entries: VersionEntry, subject: int | None = None) -> ModelReport:
    number = entries[0].version.number if subject is None else subject
    return ModelReport(MODEL_NAME, "2026-01-04T10:11:12+00:00", entries, number, CLASSES)
