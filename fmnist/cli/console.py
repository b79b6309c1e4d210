"""Input and output that all commands share: settings, tables, JSON documents, progress on stderr."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from fmnist.settings import Settings

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for machines.")

_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)


def pass_settings(
    command: "Callable[Concatenate[Settings, Arguments], Result]",
) -> Callable[Arguments, Result]:
    """Call a command with the settings, read when the first one runs: help needs none."""

    @wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        root = click.get_current_context().find_root()
        if root.obj is None:
            from fmnist.settings import from_environment

            root.obj = from_environment()
        return command(root.obj, *args, **kwargs)

    return run


def print_json(value: Any) -> None:
    """Print a command's result as one document on stdout."""
    click.echo(json.dumps(value, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
    """Print a command's result as a table on stdout."""
    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    _out.print(table)


def say(text: str) -> None:
    """Print one line of progress on stderr; stdout holds results only."""
    _err.print(text, markup=False, soft_wrap=True)


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show a spinner while the block runs, or a plain line where there is no terminal."""
    if not _err.is_terminal:
        say(text)
        yield
        return
    with _err.status(text):
        yield
    say(f"✓ {text}")
