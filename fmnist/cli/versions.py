"""Presentation of a model version, for people and for machines."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmnist.catalogue.history import History
    from fmnist.registry.base import ModelVersion


def version_line(version: "ModelVersion") -> str:
    """One line, for the command that registered or found it."""
    from fmnist.gate.gitlab import pipeline_of

    pipeline = pipeline_of(version)
    where = f", pipeline {pipeline.url}" if pipeline else ""
    return f"{version.model} {version.number}, dataset={_dataset(version)}{where}"


def version_document(version: "ModelVersion", history: "History") -> dict[str, Any]:
    """The object that ``--json`` prints."""
    from fmnist.gate.gitlab import pipeline_of
    from fmnist.gate.verdict import gate_result

    result, pipeline = gate_result(version), pipeline_of(version)
    return {
        "model": version.model,
        "version": version.number,
        "created": version.created,
        **version.metadata.provenance.fields(),
        "bundle_sha256": version.bundle_sha256,
        "network": version.metadata.network,
        "metrics": dict(version.metadata.metrics),
        "provenance": asdict(version.metadata.provenance),
        "gate": result.document() if result else None,
        "pipeline": asdict(pipeline) if pipeline else None,
        "promotions": [asdict(tenure) for tenure in history.of(version.number)],
    }


def version_row(version: "ModelVersion", history: "History") -> tuple[object, ...]:
    """Number, verdict, serving, accuracy, dataset, experiment and time, for a table."""
    from fmnist.catalogue.history import status
    from fmnist.gate.verdict import gate_result, gate_status

    result = gate_result(version)
    return (
        version.number,
        gate_status(result),
        status(history.of(version.number)),
        f"{result.accuracy:.4f}" if result else "",
        _dataset(version),
        version.metadata.provenance.experiment,
        version.created[:16].replace("T", " "),
    )


def version_description(version: "ModelVersion", history: "History") -> list[tuple[str, object]]:
    """Everything known of it, by name."""
    from fmnist.catalogue.history import format_tenures
    from fmnist.experiments import flat
    from fmnist.gate.gitlab import pipeline_of
    from fmnist.report.lineage import chain, lineage_of

    pipeline, tenures = pipeline_of(version), format_tenures(history.of(version.number))
    return [
        *([("serving", tenures)] if tenures else []),
        *chain(lineage_of(version)),
        *([("pipeline", pipeline.url)] if pipeline else []),
        *((f"validation {name}", f"{value:.4f}") for name, value in version.metadata.metrics.items()),
        *flat(version.metadata.hyperparameters).items(),
    ]


def _dataset(version: "ModelVersion") -> str:
    return version.metadata.provenance.train_data.origin
