"""Output of the commands that serve."""

from dataclasses import asdict
from typing import Any

import click

from fmnist.cli.console import print_json, say
from fmnist.deployment.base import Deployment
from fmnist.deployment.promote import ServedVersion


def show(served: ServedVersion, as_json: bool) -> None:
    """Print which version serves, and where."""
    deployment, provenance = served.deployment, served.version.metadata.provenance
    for note in served.notes:
        say(note)
    if as_json:
        print_json(document(deployment))
        return
    click.echo(f"{deployment.model} {deployment.version}, dataset={provenance.train_data.origin}")
    for name, url in _urls(deployment).items():
        click.echo(f"  {name:12} {url}")


def document(deployment: Deployment) -> dict[str, Any]:
    """A deployment for machines."""
    return {**asdict(deployment), **_urls(deployment)}


def _urls(deployment: Deployment) -> dict[str, str]:
    api = f"{deployment.url}/api/v1.0"
    return {"predictions": f"{api}/predictions", "doc": f"{api}/doc/"}
