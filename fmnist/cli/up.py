"""``fmnist up``: the version that should serve, served."""

import click

from fmnist.cli.console import as_json
from fmnist.fashion_mnist import MODEL_NAME


@click.command()
@as_json
def up(as_json: bool) -> None:
    """Serve the newest version that passed the gate, and keep it running.

    \b
    Examples:
      fmnist up
      fmnist up --json
    """
    from fmnist.cli.serving import serve
    from fmnist.deployment.choice import newest_passed
    from fmnist.gate.keys import Keys
    from fmnist.settings import from_environment

    keys = Keys.at(from_environment().home)
    serve(lambda registry: newest_passed(registry, MODEL_NAME, "local", keys), as_json)
