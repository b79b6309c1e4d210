"""What every verb prints: tables for people, one JSON document for machines, progress on stderr."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for machines.")

_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """The verb's result as one document on stdout."""
    click.echo(json.dumps(value, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
    """The verb's result as a table on stdout."""
    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    _out.print(table)


def say(text: str) -> None:
    """One line of progress, on stderr so that stdout holds results only."""
    _err.print(text, markup=False, soft_wrap=True)


@contextmanager
def working(text: str) -> Iterator[None]:
    """A spinner while something takes its time; a plain line where there is no terminal."""
    if not _err.is_terminal:
        say(text)
        yield
        return
    with _err.status(text):
        yield
    say(f"✓ {text}")
