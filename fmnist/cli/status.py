"""``fmnist status``: what runs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, print_json, print_table

if TYPE_CHECKING:
    from fmnist.deployment.base import Deployment, Server


@click.command()
@as_json
def status(as_json: bool) -> None:
    """Show the served versions and the processes behind them.

    \b
    Examples:
      fmnist status
      fmnist status --json
    """
    from fmnist import settings
    from fmnist import wiring as engines
    from fmnist.deployment.local.overview import servers

    own = settings.from_environment()
    deployments, found = engines.platform(own).deployments(), servers(own.serving)
    if as_json:
        _print_json(deployments, found)
    elif not found:
        click.echo("nothing runs; make up serves the champion")
    else:
        _print_tables(deployments, found)


def _print_json(deployments: "Sequence[Deployment]", found: "Sequence[Server]") -> None:
    from fmnist.cli.serving import document

    print_json(
        {
            "deployments": [document(one) for one in deployments],
            "servers": [asdict(one) for one in found],
        }
    )


def _print_tables(deployments: "Sequence[Deployment]", found: "Sequence[Server]") -> None:
    if deployments:
        marks = {True: "ready", False: "NOT READY"}
        rows = [(one.version, f"{one.weight} %", marks[one.ready]) for one in deployments]
        print_table(("version", "traffic", "state"), rows, title=deployments[0].model)
        click.echo(deployments[0].url)
    processes = [(one.name, _pid(one), len(one.pids), f"{one.memory / 1e6:.0f} MB") for one in found]
    print_table(("server", "pid", "processes", "memory"), processes)
    for log in filter(None, (one.log for one in found)):
        click.echo(log)


def _pid(server: "Server") -> int | str:
    return min(server.pids, default="DEAD")
