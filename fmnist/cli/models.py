"""``fmnist models``: the registry."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist import wiring as engines
from fmnist.cli.console import as_json, pass_settings, print_json, print_table, say, working
from fmnist.cli.versions import (
    print_versions,
    version_description,
    version_document,
    version_line,
)
from fmnist.core.fashion_mnist import MODEL_NAME

if TYPE_CHECKING:
    from fmnist.catalogue.promotions import History
    from fmnist.clients.gitlab import GitlabProject
    from fmnist.core.bundle import Bundle
    from fmnist.gate.gitlab import Pipelines
    from fmnist.registry.base import ModelRegistry
    from fmnist.settings import Settings

_model = click.option("--model", default=MODEL_NAME, show_default=True)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@click.group()
def models() -> None:
    """Register, list, describe, download and watch model versions.

    \b
    Examples:
      fmnist models register .fmnist/checkpoints/4f1d
      fmnist models list
      fmnist models describe 3
      fmnist models download 3 --to served
      fmnist models watch
      fmnist models copy --from determined --to mlflow
    """


@models.command()
@click.argument("checkpoint", required=False)
@click.option(
    "--experiment",
    type=click.IntRange(min=1),
    help="Determined experiment: its best checkpoint.",
)
@click.option("--trigger-pipeline", is_flag=True, help="Start the GitLab pipeline that tests the version.")
@_model
@as_json
@pass_settings
def register(
    settings: "Settings",
    checkpoint: str | None,
    experiment: int | None,
    trigger_pipeline: bool,
    model: str,
    as_json: bool,
) -> None:
    """Copy the bundle in folder CHECKPOINT into the registry and number it.

    CHECKPOINT may also be the UUID of one on Determined. Registering the same bundle again returns the
    same version, with the same pipeline.

    \b
    Examples:
      fmnist models register .fmnist/checkpoints/4f1d
      fmnist models register .fmnist/checkpoints/4f1d --trigger-pipeline
      fmnist models register --experiment 7
      fmnist models register c0762dcd-396f-4a4b-be14-f4c6b723e7bc

    --trigger-pipeline reads GITLAB_URL, GITLAB_PROJECT, GITLAB_TRIGGER_TOKEN and GITLAB_BRANCH
    (default: master) from the environment.
    """
    project = _gitlab_project() if trigger_pipeline else None
    with working("Registering the checkpoint"), _opened(settings, checkpoint, experiment) as bundle:
        version = _registry(settings).register(model, bundle)
    if project:
        with working(f"Starting its pipeline in GitLab project {project.project}"):
            version = _pipelines(settings, project).ensure(version)
    if as_json:
        print_json(version_document(version, _history(settings, model)))
    else:
        click.echo(version_line(version))


@models.command("list")
@_model
@as_json
@pass_settings
def list_versions(settings: "Settings", model: str, as_json: bool) -> None:
    """List all versions, newest first.

    \b
    Example:
      fmnist models list --json
    """
    with working("Reading the registry"):
        versions, history = _registry(settings).entries(model), _history(settings, model)
    if as_json:
        print_json([version_document(version, history) for version in versions])
    elif not versions:
        click.echo(f"no versions of {model} yet; register a checkpoint with fmnist models register")
    else:
        print_versions(versions, history, model)


@models.command()
@click.argument("version", type=click.IntRange(min=1))
@_model
@as_json
@pass_settings
def complete(settings: "Settings", version: int, model: str, as_json: bool) -> None:
    """Record with VERSION what its bundle says, if it was registered by other means than fmnist.

    What people wrote there stays. It is read as it is until then, and listed as unusable if it holds no
    bundle.

    \b
    Example:
      fmnist models complete 3
    """
    with working("Reading its bundle"):
        completed = _registry(settings).complete(model, version)
    if as_json:
        print_json(version_document(completed, _history(settings, model)))
    else:
        click.echo(version_line(completed))


@models.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@_model
@as_json
@pass_settings
def describe(settings: "Settings", version: int | None, model: str, as_json: bool) -> None:
    """Show everything recorded of VERSION (default: the latest).

    \b
    Examples:
      fmnist models describe
      fmnist models describe 3 --json
    """
    with working("Reading the registry"):
        found, history = _registry(settings).get(model, version), _history(settings, model)
    if as_json:
        print_json({**version_document(found, history), "metadata": asdict(found.metadata)})
    else:
        lines = version_description(found, history)
        width = max(len(name) for name, _ in lines)
        for name, text in lines:
            click.echo(f"{name:<{width}}  {text}")


@models.command()
@click.argument("version", type=click.IntRange(min=1))
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True, help="A new folder.")
@_model
@as_json
@pass_settings
def download(settings: "Settings", version: int, folder: Path, model: str, as_json: bool) -> None:
    """Download the bundle of VERSION and verify its digests.

    \b
    Example:
      fmnist models download 3 --to served
    """
    registry = _registry(settings)
    with working("Downloading the bundle"):
        bundle = registry.download(registry.get(model, version), folder)
    if as_json:
        print_json({"model": model, "version": version, "folder": bundle.folder, "sha256": bundle.sha256})
    else:
        click.echo(f"{bundle.folder}: {model} {version}, bundle {bundle.sha256}")


@models.command()
@click.option(
    "--every", "seconds", type=click.IntRange(min=1), default=30, show_default=True, help="Seconds."
)
@click.option("--from", "first", type=click.IntRange(min=1), help="Start from this version.")
@click.option("--once", is_flag=True, help="Check once and exit.")
@_model
@as_json
@pass_settings
def watch(
    settings: "Settings", seconds: int, first: int | None, once: bool, model: str, as_json: bool
) -> None:
    """Start a GitLab pipeline for each new version in the registry.

    For versions that are registered by other means than fmnist models register --trigger-pipeline.
    Resumes where the last watch stopped; the first one starts from the latest version. A version that has
    a pipeline gets no second one.

    \b
    Examples:
      fmnist models watch
      fmnist models watch --from 1 --once
      fmnist models watch --every 300 --json    # one line for each pipeline

    Reads GITLAB_URL, GITLAB_PROJECT, GITLAB_TRIGGER_TOKEN and GITLAB_BRANCH (default: master) from the
    environment.
    """
    from fmnist.catalogue.watch_cursors import version_cursor
    from fmnist.gate.gitlab import begin, poll
    from fmnist.gate.gitlab import watch as watch_registry

    registry, pipelines = _registry(settings), _pipelines(settings, _gitlab_project())
    cursor = version_cursor(settings.home, model)
    say(f"Watching {model} after version {begin(registry, model, cursor, first)}")
    if once:
        found = poll(registry, pipelines, model, cursor, say)
    else:
        found = watch_registry(registry, pipelines, model, cursor, say, seconds)
    for version in found:
        click.echo(
            json.dumps(version_document(version, _history(settings, model)))
            if as_json
            else version_line(version)
        )


@models.command()
@click.option("--from", "source", type=click.Choice(["determined", "mlflow"]), required=True)
@click.option("--to", "target", type=click.Choice(["determined", "mlflow"]), required=True)
@_model
@as_json
@pass_settings
def copy(settings: "Settings", source: str, target: str, model: str, as_json: bool) -> None:
    """Copy all versions from one registry to another: bundles, verdicts and their evidence.

    Versions that exist in the target stay as they are, and so do newer verdicts there. Digests are verified
    on both sides. A verdict is copied only if the version keeps its number.

    \b
    Example:
      fmnist models copy --from determined --to mlflow
    """
    from fmnist.gate.verdict import attached_evidence, is_newer
    from fmnist.registry.migration import Migration

    old, new = (
        engines.model_registry(settings.model_copy(update={"registry": engine}))
        for engine in (source, target)
    )
    copies = Migration(old, new, attached_evidence, is_newer, say).run(model)
    if as_json:
        print_json([asdict(copied) for copied in copies])
    else:
        columns = ("version", "in", "becomes", "in ", "annotations")
        rows = [(made.number, source, made.becomes, target, ", ".join(made.annotations)) for made in copies]
        print_table(columns, rows, title=model)


@contextmanager
def _opened(settings: "Settings", checkpoint: str | None, experiment: int | None) -> "Iterator[Bundle]":
    """The bundle of a folder, of a checkpoint on Determined, or of an experiment's best one there."""
    from fmnist.core.bundle import open_bundle

    if (checkpoint is None) == (experiment is None):
        raise click.UsageError("name either a CHECKPOINT or an --experiment")
    if experiment is not None:
        with engines.experiments(settings).best(experiment) as bundle:
            yield bundle
    elif checkpoint and _UUID.fullmatch(checkpoint) and not Path(checkpoint).exists():
        with engines.experiments(settings).bundle(checkpoint) as bundle:
            yield bundle
    else:
        yield open_bundle(Path(checkpoint or ""))


def _history(settings: "Settings", model: str) -> "History":
    return engines.promotion_log(settings, model).read()


def _registry(settings: "Settings") -> "ModelRegistry":
    return engines.model_registry(settings)


def _gitlab_project() -> "GitlabProject":
    from fmnist.clients.gitlab import GitlabProject

    return GitlabProject.from_environment()


def _pipelines(settings: "Settings", project: "GitlabProject") -> "Pipelines":
    from fmnist.gate.gitlab import Pipelines

    return Pipelines(_registry(settings), project, settings.home / "pipelines")
