"""``fmnist up``: serve the champion."""

from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, working

if TYPE_CHECKING:
    from fmnist.settings import Settings


@click.command()
@as_json
@pass_settings
def up(settings: "Settings", as_json: bool) -> None:
    """Serve the champion, or before the first promotion the newest version that passed the gate.

    \b
    Examples:
      fmnist up
      fmnist up --json
    """
    from fmnist.cli.serving import show
    from fmnist.deployment.promote import Actor
    from fmnist.settings import user
    from fmnist.wiring import promoter

    with working("Starting the champion"):
        served = promoter(settings).up(Actor(user(), "fmnist up"))
    show(served, as_json)
