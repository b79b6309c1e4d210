"""``fmnist down``: stop everything that serves."""

import click

from fmnist.cli.console import pass_settings, working
from fmnist.settings import Settings


@click.command()
@pass_settings
def down(settings: Settings) -> None:
    """Stop the gateway and all versions; logs and data stay.

    \b
    Example:
      fmnist down
    """
    from fmnist.wiring import platform

    with working("Stopping"):
        stopped = platform(settings).stop()
    servers = "1 server" if stopped == 1 else f"{stopped} servers"
    click.echo(f"stopped {servers}" if stopped else "nothing was running")
