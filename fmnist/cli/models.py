"""``fmnist models``: the registry."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fmnist import settings
from fmnist.cli.console import as_json, print_json, print_table, working
from fmnist.fashion_mnist import MODEL_NAME

if TYPE_CHECKING:
    from fmnist.registry.base import ModelRegistry, ModelVersion

_model = click.option("--model", default=MODEL_NAME, show_default=True)
_MARKS = {None: "untested", True: "passed", False: "refused"}


@click.group()
def models() -> None:
    """Register, list, describe and download model versions.

    \b
    Examples:
      fmnist models register .fmnist/checkpoints/4f1d
      fmnist models list
      fmnist models describe 3
      fmnist models download 3 --to served
    """


@models.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@_model
@as_json
def register(checkpoint: Path, model: str, as_json: bool) -> None:
    """Copy the bundle in folder CHECKPOINT into the registry and number it.

    The same bundle again is the same version.

    \b
    Example:
      fmnist models register .fmnist/checkpoints/4f1d
    """
    from fmnist.bundle import open_bundle

    bundle = open_bundle(checkpoint)
    with working("Registering the checkpoint"):
        version = _registry().register(model, bundle)
    if as_json:
        print_json(_document(version))
    else:
        click.echo(f"{version.model} {version.number}, dataset={_origin(version)}")


@models.command("list")
@_model
@as_json
def list_versions(model: str, as_json: bool) -> None:
    """List all versions, newest first.

    \b
    Example:
      fmnist models list --json
    """
    with working("Reading the registry"):
        versions = _registry().versions(model)
    if as_json:
        print_json([_document(version) for version in versions])
    elif not versions:
        click.echo(f"no versions of {model} yet; register a checkpoint with fmnist models register")
    else:
        columns = ("version", "gate", "accuracy", "dataset", "experiment", "created")
        print_table(columns, [_row(version) for version in versions], title=model)


@models.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@_model
@as_json
def describe(version: int | None, model: str, as_json: bool) -> None:
    """Show everything that is known of VERSION (default: the latest).

    \b
    Examples:
      fmnist models describe
      fmnist models describe 3 --json
    """
    with working("Reading the registry"):
        found = _registry().get(model, version)
    if as_json:
        print_json({**_document(found), "metadata": asdict(found.metadata)})
    else:
        for name, text in _description(found):
            click.echo(f"{name:<22}{text}")


@models.command()
@click.argument("version", type=click.IntRange(min=1))
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True, help="A new folder.")
@_model
@as_json
def download(version: int, folder: Path, model: str, as_json: bool) -> None:
    """Copy the bundle of VERSION out, its sums checked.

    \b
    Example:
      fmnist models download 3 --to served
    """
    registry = _registry()
    with working("Downloading the bundle"):
        bundle = registry.download(registry.get(model, version), folder)
    if as_json:
        print_json({"model": model, "version": version, "folder": bundle.folder, "sha256": bundle.sha256})
    else:
        click.echo(f"{bundle.folder}: {model} {version}, bundle {bundle.sha256}")


def _registry() -> "ModelRegistry":
    return settings.model_registry(settings.from_environment())


def _origin(version: "ModelVersion") -> str:
    return version.metadata.provenance.train_data.origin


def _document(version: "ModelVersion") -> dict[str, Any]:
    from fmnist.gate.result import gate_result

    result = gate_result(version)
    return {
        "model": version.model,
        "version": version.number,
        "created": version.created,
        "dataset": _origin(version),
        "bundle_sha256": version.bundle_sha256,
        "network": version.metadata.network,
        "metrics": dict(version.metadata.metrics),
        "provenance": asdict(version.metadata.provenance),
        "gate": result.document() if result else None,
    }


def _row(version: "ModelVersion") -> tuple[object, ...]:
    from fmnist.gate.result import gate_result

    result = gate_result(version)
    return (
        version.number,
        _MARKS[result.passed if result else None],
        f"{result.accuracy:.4f}" if result else "",
        _origin(version),
        version.metadata.provenance.experiment,
        version.created[:16].replace("T", " "),
    )


def _description(version: "ModelVersion") -> list[tuple[str, object]]:
    from fmnist.lineage import chain, lineage_of

    metrics = [(f"validation {name}", f"{value:.4f}") for name, value in version.metadata.metrics.items()]
    hyperparameters = list(version.metadata.hyperparameters.items())
    return [*chain(lineage_of(version)), *metrics, *hyperparameters]
