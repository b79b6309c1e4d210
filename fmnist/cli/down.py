"""``fmnist down``: nothing runs any more."""

import click

from fmnist.cli.console import working


@click.command()
def down() -> None:
    """Stop the gateway and all versions; logs and data stay.

    \b
    Example:
      fmnist down
    """
    from fmnist import settings
    from fmnist.deployment.local.overview import stop_all

    with working("Stopping"):
        stopped = stop_all(settings.from_environment().serving)
    click.echo(f"stopped {len(stopped)} servers" if stopped else "nothing was running")
