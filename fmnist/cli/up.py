"""``fmnist up``: serve the champion."""

import click

from fmnist.cli.console import as_json, working


@click.command()
@as_json
def up(as_json: bool) -> None:
    """Serve the champion, or before the first promotion the newest version that passed the gate.

    \b
    Examples:
      fmnist up
      fmnist up --json
    """
    from fmnist.cli.serving import show
    from fmnist.deployment.promote import Actor
    from fmnist.settings import from_environment, user
    from fmnist.wiring import promoter

    with working("Starting the champion"):
        served = promoter(from_environment()).up(Actor(user(), "fmnist up"))
    show(served, as_json)
