"""``fmnist deploy``: a chosen version, served."""

import click

from fmnist.cli.console import as_json
from fmnist.core.fashion_mnist import MODEL_NAME


@click.command()
@click.option("--version", "number", type=click.IntRange(min=1), help="Version to serve [default: latest].")
@as_json
def deploy(number: int | None, as_json: bool) -> None:
    """Serve a version behind the gateway, in place of what is served now.

    It must have passed the gate; the champion of the promotion log stays who it is. What serves goes on
    until the new version has given its known answer. The gateway listens on 127.0.0.1, port
    FMNIST_GATEWAY_PORT (default: 8080).

    \b
    Examples:
      fmnist deploy
      fmnist deploy --version 3
      FMNIST_GATEWAY_PORT=8081 fmnist deploy --json
    """
    from fmnist.cli.serving import serve
    from fmnist.deployment.choice import chosen
    from fmnist.gate.keys import Keys
    from fmnist.settings import from_environment

    keys = Keys.at(from_environment().home)
    serve(lambda registry: chosen(registry, MODEL_NAME, number, "local", keys), as_json)
