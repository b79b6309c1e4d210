"""The report for machines: one JSON document, and GitLab's metrics report in OpenMetrics text."""

import json
import math
from dataclasses import asdict
from typing import Any

from fmnist.core.bundle import metadata_text
from fmnist.report.model import Entry, Report

_SCHEMA = 1


def to_json(report: Report) -> str:
    """Every version with metadata, verdict and evidence; numbers that JSON lacks are strings."""
    document = {
        "schema_version": _SCHEMA,
        "model": report.model,
        "made": report.made,
        "subject": report.subject,
        "versions": [_version(entry) for entry in report.entries],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _version(entry: Entry) -> dict[str, Any]:
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


def to_metrics(report: Report) -> str:
    """What the subject's rules measured, one gauge with the rule as label; empty if never tested.

    The version is no label: GitLab compares equal names of a merge request and its target branch.
    """
    result = report.entry.result
    lines = [
        "# TYPE fmnist_gate_measured gauge",
        "# HELP fmnist_gate_measured What a rule of the gate measured.",
    ]
    for rule in result.verdict.rules if result else ():
        if rule.measured is not None and math.isfinite(rule.measured):
            labels = f'rule="{_label(rule.name)}",unit="{_label(rule.unit)}"'
            lines.append(f"fmnist_gate_measured{{{labels}}} {rule.measured:.10g}")
    lines += [
        "# TYPE fmnist_gate_broken_rules gauge",
        "# HELP fmnist_gate_broken_rules Rules that the version breaks.",
    ]
    if result:
        lines.append(f"fmnist_gate_broken_rules {len(result.verdict.broken)}")
    return "\n".join([*lines, "# EOF"]) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
