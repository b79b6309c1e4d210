"""The report for programs: one JSON document, and GitLab's metrics report in OpenMetrics text."""

import json
import math
from dataclasses import asdict
from typing import Any

from fmnist.core.bundle import metadata_text
from fmnist.report.model import ModelReport, VersionEntry

_SCHEMA = 1


def to_json(report: ModelReport) -> str:
    """Every version with metadata, verdict and evidence; numbers that JSON lacks are strings."""
    document = {
        "schema_version": _SCHEMA,
        "model": report.model,
        "made": report.made,
        "subject": report.subject,
        "versions": [_version(entry) for entry in report.entries],
        "unusable": [asdict(version) for version in report.unusable],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _version(entry: VersionEntry) -> dict[str, Any]:
    version = entry.version
    return {
        "version": version.number,
        "created": version.created,
        "bundle_sha256": version.bundle_sha256,
        "status": entry.status,
        "synthetic": entry.synthetic,
        "serving": entry.serving,
        "promotions": [asdict(tenure) for tenure in entry.tenures],
        "kept": entry.kept,
        "troubles": entry.troubles,
        "metadata": json.loads(metadata_text(version.metadata), parse_constant=str),
        "gate": entry.result.document() if entry.result else None,
        "evidence": entry.evidence.document() if entry.evidence else None,
    }


def to_metrics(report: ModelReport) -> str:
    """Measured values of the subject's rules, one gauge with the rule as label; empty if not tested.

    The version is no label: GitLab compares equal names of a merge request and its target branch.
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.openmetrics.exposition import generate_latest

    measured = GaugeMetricFamily(
        "fmnist_gate_measured", "What a rule of the gate measured.", labels=("rule", "unit")
    )
    broken = GaugeMetricFamily("fmnist_gate_broken_rules", "Rules that the version breaks.")
    if result := report.entry.result:
        broken.add_metric((), len(result.verdict.broken))
        for rule in result.verdict.rules:
            if rule.measured is not None and math.isfinite(rule.measured):
                measured.add_metric((rule.name, rule.unit), float(f"{rule.measured:.10g}"))
    registry = CollectorRegistry()
    registry.collect = lambda: iter((measured, broken))  # type: ignore[method-assign]
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()
