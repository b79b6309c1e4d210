"""``fmnist deploy``: serve a chosen version."""

from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, working

if TYPE_CHECKING:
    from fmnist.settings import Settings


@click.command()
@click.option("--version", "number", type=click.IntRange(min=1), help="Version to serve [default: latest].")
@as_json
@pass_settings
def deploy(settings: "Settings", number: int | None, as_json: bool) -> None:
    """Serve a version behind the gateway, in place of the one that is served now.

    It must have passed the gate. The deployment is recorded, and the champion stays champion. The version
    served before keeps the traffic until the new one has passed its self-test, and gets it back if the new
    one does not answer. The gateway listens on 127.0.0.1, port FMNIST_GATEWAY_PORT (default: 8080).

    \b
    Examples:
      fmnist deploy
      fmnist deploy --version 3
      FMNIST_GATEWAY_PORT=8081 fmnist deploy --json
    """
    from fmnist.cli.serving import show
    from fmnist.deployment.promote import Actor
    from fmnist.settings import user
    from fmnist.wiring import promoter

    with working("Starting the version"):
        served = promoter(settings).deploy(number, Actor(user(), "fmnist deploy"))
    show(served, as_json)
