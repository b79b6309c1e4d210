"""A model version as people and machines are shown it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fmnist import settings

if TYPE_CHECKING:
    from fmnist.catalogue.history import Tenure
    from fmnist.clients.gitlab import Pipeline
    from fmnist.registry.base import ModelVersion


def _origin(version: "ModelVersion") -> str:
    return version.metadata.provenance.train_data.origin


def _pipeline(version: "ModelVersion") -> "Pipeline | None":
    from fmnist.gate.gitlab import pipeline_of

    return pipeline_of(version)


def version_line(version: "ModelVersion") -> str:
    """What a verb that made or found it says."""
    pipeline = _pipeline(version)
    where = f", pipeline {pipeline.url}" if pipeline else ""
    return f"{version.model} {version.number}, dataset={_origin(version)}{where}"


def version_document(version: "ModelVersion") -> dict[str, Any]:
    """What ``--json`` prints."""
    from fmnist.gate.result import gate_result

    result, pipeline = gate_result(version), _pipeline(version)
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
        "promotions": [asdict(tenure) for tenure in _tenures(version)],
    }


def _tenures(version: "ModelVersion") -> "tuple[Tenure, ...]":
    from fmnist.wiring import promotion_log

    return promotion_log(settings.from_environment(), version.model).read().of(version.number)


def version_row(version: "ModelVersion") -> tuple[object, ...]:
    """Number, verdict, serving, accuracy, dataset, experiment and time, for a table."""
    from fmnist.catalogue.history import status
    from fmnist.gate.result import gate_result

    result = gate_result(version)
    return (
        version.number,
        result.outcome if result else "untested",
        status(_tenures(version)),
        f"{result.accuracy:.4f}" if result else "",
        _origin(version),
        version.metadata.provenance.experiment,
        version.created[:16].replace("T", " "),
    )


def version_description(version: "ModelVersion") -> list[tuple[str, object]]:
    """Everything, by name."""
    from fmnist.catalogue.history import format_tenures
    from fmnist.experiments import flat
    from fmnist.report.lineage import chain, lineage_of

    metrics = [(f"validation {name}", f"{value:.4f}") for name, value in version.metadata.metrics.items()]
    hyperparameters = list(flat(version.metadata.hyperparameters).items())
    pipeline = _pipeline(version)
    page = [("pipeline", pipeline.url)] if pipeline else []
    served = format_tenures(_tenures(version))
    serving = [("serving", served)] if served else []
    return [*serving, *chain(lineage_of(version)), *page, *metrics, *hyperparameters]
