"""What may be said of a training on a command line: to `fmnist train` and to the process it starts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fmnist.settings import PROJECT

_DECORATORS = (
    click.argument(
        "experiment_file", type=click.Path(dir_okay=False, path_type=Path), default=PROJECT / "const.yaml"
    ),
    click.option(
        "--config", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the file."
    ),
    click.option("--from", "parent", type=click.Path(path_type=Path), help="Go on from this checkpoint."),
    click.option("--out", type=click.Path(path_type=Path), help="New folder for the checkpoint."),
    click.option("--fresh", is_flag=True, help="Do not go on with an unfinished training; begin anew."),
    click.option("--threads", type=click.IntRange(1), help="TensorFlow's threads; all cores if not given."),
    click.option(
        "--curves", type=click.Path(dir_okay=False, path_type=Path), help="CSV file for the epochs' figures."
    ),
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the parameters experiment_file, overrides, parent, out, fresh, threads and curves."""
    for decorate in reversed(_DECORATORS):
        command = decorate(command)
    return command
