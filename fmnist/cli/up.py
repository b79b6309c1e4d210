"""``fmnist up``: the version that should serve, served."""

import click

from fmnist.cli.console import as_json
from fmnist.core.fashion_mnist import MODEL_NAME


@click.command()
@as_json
def up(as_json: bool) -> None:
    """Serve the champion, or before the first promotion the newest version that passed the gate.

    \b
    Examples:
      fmnist up
      fmnist up --json
    """
    from fmnist.cli.serving import serve
    from fmnist.deployment.choice import champion_or_newest
    from fmnist.gate.keys import Keys
    from fmnist.settings import from_environment
    from fmnist.wiring import promotion_log

    own = from_environment()
    keys, history = Keys.at(own.home), promotion_log(own, MODEL_NAME).read()
    serve(lambda registry: champion_or_newest(registry, history, MODEL_NAME, "local", keys), as_json)
