"""Output of the commands that serve."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from fmnist.cli.console import print_json, say
from fmnist.deployment.base import Deployment
from fmnist.deployment.promote import ServedVersion


def show(served: ServedVersion, as_json: bool) -> None:
    """Print which version serves, and where."""
    deployment, provenance = served.deployment, served.version.metadata.provenance
    lines = [f"{deployment.model} {deployment.version}, dataset={provenance.train_data.origin}"]
    lines += [f"  {name:12} {url}" for name, url in _urls(deployment).items()]
    print_outcome(served.notes, document(deployment) if as_json else lines)


def print_outcome(notes: Sequence[str], result: dict[str, Any] | list[str]) -> None:
    """Say the notes, and print the result: a document for machines, or lines for people."""
    for note in notes:
        say(note)
    if isinstance(result, dict):
        print_json(result)
    else:
        click.echo("\n".join(result))


def document(deployment: Deployment) -> dict[str, Any]:
    """A deployment for machines."""
    return {**asdict(deployment), **_urls(deployment)}


def _urls(deployment: Deployment) -> dict[str, str]:
    api = f"{deployment.url}/api/v1.0"
    return {"predictions": f"{api}/predictions", "doc": f"{api}/doc/"}
