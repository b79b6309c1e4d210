"""Options, start and end of the programs that pipelines run.

Every failure ends with an exit code that is not 0: only that tells the worker that a job failed.
"""

import logging
import sys
from pathlib import Path

import click

from fmnist.core.logs import configure, mask_tracebacks
from fmnist.core.signals import raise_on_sigterm
from fmnist.errors import FmnistError
from fmnist.files.atomic import disk_errors
from fmnist.settings import PROJECT

logger = logging.getLogger(__name__)

PFS = Path("/pfs")
"""Folder of the worker: inputs in folders of their names, results in ``out``."""

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
    help="The experiment file; trials run the code in its folder.",
)


def run(command: click.Command) -> None:
    """Run a program's command line; the project's errors become their exit codes."""
    raise_on_sigterm()
    mask_tracebacks()
    try:
        configure()
        with disk_errors():
            command()
    except FmnistError as error:
        logger.error("fmnist: %s", error)
        sys.exit(error.exit_code)


def say(text: str) -> None:
    """A line for the job's log."""
    logger.info(text)
