"""``fmnist status``: show what serves."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, print_json, print_table

if TYPE_CHECKING:
    from fmnist.deployment.base import Deployment, Server
    from fmnist.settings import Settings


@click.command()
@as_json
@pass_settings
def status(settings: "Settings", as_json: bool) -> None:
    """Show the served versions and the processes or pods behind them.

    The exit code is 9 while the gateway is dead or a version is not ready, and 0 if all is well or
    nothing was deployed.

    \b
    Examples:
      fmnist status
      fmnist status --json
    """
    from fmnist.errors import UnavailableError
    from fmnist.wiring import platform

    serving = platform(settings)
    deployments, servers = serving.deployments(), serving.servers()
    if as_json:
        _print_json(deployments, servers)
    elif not servers:
        click.echo("nothing runs; fmnist up serves the champion")
    else:
        _print_tables(deployments, servers)
    failures = [f"{server.name} is dead" for server in servers if not (server.pids or server.pods)]
    failures += [f"version {one.version} is not ready" for one in deployments if not one.ready]
    if failures:
        raise UnavailableError(f"{', '.join(failures)}; fmnist up starts what should serve")


def _print_json(deployments: "Sequence[Deployment]", servers: "Sequence[Server]") -> None:
    from fmnist.cli.serving import document

    print_json(
        {
            "deployments": [document(deployment) for deployment in deployments],
            "servers": [asdict(server) for server in servers],
        }
    )


def _print_tables(deployments: "Sequence[Deployment]", servers: "Sequence[Server]") -> None:
    if deployments:
        marks = {True: "ready", False: "NOT READY"}
        rows = [(one.version, f"{one.weight} %", marks[one.ready]) for one in deployments]
        print_table(("version", "traffic", "state"), rows, title=deployments[0].model)
        click.echo(deployments[0].url)
    processes = [
        (one.name, _first(one), len(one.pids or one.pods), f"{one.memory / 1e6:.0f} MB") for one in servers
    ]
    print_table(("server", "pid", "processes", "memory"), processes)
    for server in servers:
        if server.log:
            click.echo(server.log)


def _first(server: "Server") -> int | str:
    return min(server.pids or server.pods, default="DEAD")
