"""What the verbs that serve have in common."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from fmnist import settings
from fmnist import wiring as engines
from fmnist.cli.console import print_json, working
from fmnist.deployment.base import Deployment
from fmnist.deployment.rollout import fetch, serve_alone
from fmnist.registry.base import ModelRegistry, ModelVersion


def serve(choose: Callable[[ModelRegistry], ModelVersion], as_json: bool) -> None:
    """Serve the chosen version alone and print where."""
    own = settings.from_environment()
    with working("Reading the registry"):
        registry = engines.model_registry(own)
        version = choose(registry)
        bundle = fetch(registry, version, own.serving / "bundles" / f"v{version.number}")
    with working(f"Starting version {version.number}"):
        deployment = serve_alone(engines.platform(own), version.number, bundle)
    if as_json:
        print_json(document(deployment))
    else:
        origin = version.metadata.provenance.train_data.origin
        click.echo(f"{deployment.model} {deployment.version}, dataset={origin}")
        for name, url in _urls(deployment).items():
            click.echo(f"  {name:12} {url}")


def document(deployment: Deployment) -> dict[str, Any]:
    """A deployment for machines."""
    return {**asdict(deployment), **_urls(deployment)}


def _urls(deployment: Deployment) -> dict[str, str]:
    api = f"{deployment.url}/api/v1.0"
    return {"predictions": f"{api}/predictions", "doc": f"{api}/doc/"}
