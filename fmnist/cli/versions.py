"""Presentation of a model version, for people and for machines."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fmnist.cli.console import print_table
from fmnist.errors import IntegrityError

if TYPE_CHECKING:
    from fmnist.catalogue.promotions import History
    from fmnist.registry.base import ModelVersion, UnusableVersion

Value = TypeVar("Value")

_COLUMNS = ("version", "gate", "serving", "accuracy", "dataset", "experiment", "created")


def version_line(version: "ModelVersion") -> str:
    """One line, for the command that registered or found it."""
    from fmnist.gate.gitlab import pipeline_of

    pipeline = pipeline_of(version)
    where = f", pipeline {pipeline.url}" if pipeline else ""
    return f"{version.model} {version.number}, dataset={_dataset(version)}{where}"


def version_document(version: "ModelVersion | UnusableVersion", history: "History") -> dict[str, Any]:
    """The object that ``--json`` prints; what cannot be read is None, and named in ``problem``."""
    from fmnist.gate.gitlab import pipeline_of
    from fmnist.gate.verdict import gate_result, gate_status
    from fmnist.registry.base import UnusableVersion

    if isinstance(version, UnusableVersion):
        names = {"model": version.model, "version": version.number, "created": version.created}
        return {**names, "status": "unusable", "problem": version.reason}
    problems: list[str] = []
    result = _readable(gate_result, version, problems)
    pipeline = _readable(pipeline_of, version, problems)
    return {
        "model": version.model,
        "version": version.number,
        "created": version.created,
        **version.metadata.provenance.fields(),
        "bundle_sha256": version.bundle_sha256,
        "network": version.metadata.network,
        "metrics": dict(version.metadata.metrics),
        "provenance": asdict(version.metadata.provenance),
        "status": gate_status(version),
        "gate": result.document() if result else None,
        "pipeline": asdict(pipeline) if pipeline else None,
        "promotions": [asdict(tenure) for tenure in history.of(version.bundle_sha256)],
        "problem": "; ".join(problems) or None,
    }


def print_versions(
    versions: "Sequence[ModelVersion | UnusableVersion]", history: "History", model: str
) -> None:
    """Print a table of versions, and below it what is wrong with any."""
    problems: list[str] = []
    print_table(_COLUMNS, [_row(version, history, problems) for version in versions], title=model)
    for problem in problems:
        click.echo(problem)


def _row(
    version: "ModelVersion | UnusableVersion", history: "History", problems: list[str]
) -> tuple[object, ...]:
    from fmnist.catalogue.promotions import status
    from fmnist.gate.gitlab import pipeline_of
    from fmnist.gate.verdict import gate_result, gate_status
    from fmnist.registry.base import UnusableVersion

    created = version.created[:16].replace("T", " ")
    if isinstance(version, UnusableVersion):
        problems.append(version.reason)
        return (version.number, "unusable", "", "", "", "", created)
    broken: list[str] = []
    result = _readable(gate_result, version, broken)
    _readable(pipeline_of, version, broken)
    if broken:
        problems.append("; ".join(broken))
    return (
        version.number,
        gate_status(version),
        status(history.of(version.bundle_sha256)),
        f"{result.accuracy:.4f}" if result else "",
        _dataset(version),
        version.metadata.provenance.experiment,
        created,
    )


def version_description(version: "ModelVersion", history: "History") -> list[tuple[str, object]]:
    """Everything known of it, by name."""
    from fmnist.catalogue.promotions import format_tenures
    from fmnist.experiments import flat
    from fmnist.gate.gitlab import pipeline_of
    from fmnist.report.lineage import chain, lineage_of

    problems: list[str] = []
    pipeline = _readable(pipeline_of, version, problems)
    tenures = format_tenures(history.of(version.bundle_sha256))
    return [
        *([("serving", tenures)] if tenures else []),
        *chain(lineage_of(version)),
        *([("pipeline", pipeline.url)] if pipeline else []),
        *(("problem", problem) for problem in problems),
        *((f"validation {name}", f"{value:.4f}") for name, value in version.metadata.metrics.items()),
        *flat(version.metadata.hyperparameters).items(),
    ]


def _readable(
    read: "Callable[[ModelVersion], Value | None]", version: "ModelVersion", problems: list[str]
) -> Value | None:
    """What ``read`` gives; None if it is broken, which is added to ``problems``."""
    try:
        return read(version)
    except IntegrityError as error:
        problems.append(str(error))
        return None


def _dataset(version: "ModelVersion") -> str:
    return version.metadata.provenance.train_data.origin
