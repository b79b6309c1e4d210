"""How the programs that pipelines run begin and end.

Whatever goes wrong ends with an exit code that is not 0: nothing else tells the worker that a job failed.
"""

import signal
import sys
from pathlib import Path

import click

from fmnist.errors import FmnistError
from fmnist.settings import PROJECT

PFS = Path("/pfs")
"""Where the worker puts inputs, each in a folder of its name, and looks for results, in ``out``."""

SEARCH_SECONDS = 20 * 3600.0
"""How long a search may take."""

out = click.option(
    "--out", type=click.Path(path_type=Path), default=PFS / "out", show_default=True, help="For the result."
)

seconds = click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(min=1),
    default=SEARCH_SECONDS,
    show_default=True,
    help="Seconds.",
)
experiment = click.option(
    "--experiment",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=PROJECT / "adaptive.yaml",
    show_default=True,
    help="The experiment file; what is beside it is the code that trials run.",
)


def run(command: click.Command) -> None:
    """Run a program's command line; the project's errors become their exit codes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        command()
    except FmnistError as error:
        click.echo(f"fmnist: {error}", err=True)
        sys.exit(error.exit_code)


def say(text: str) -> None:
    """A line for the job's log."""
    click.echo(text, err=True)
