"""``fmnist report``: all model versions and how they did, as files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, print_json, working
from fmnist.core.fashion_mnist import MODEL_NAME

if TYPE_CHECKING:
    from fmnist.settings import Settings


@click.command()
@click.option("--version", "number", type=click.IntRange(min=1), help="Version to open [default: latest].")
@click.option("--model", default=MODEL_NAME, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@as_json
@pass_settings
def report(settings: "Settings", number: int | None, model: str, out: Path, as_json: bool) -> None:
    """Write a report on all versions of a model: HTML, Markdown, JSON, metrics and a note.

    Nothing is tested again; the gate's results are read from the registry.

    \b
    Examples:
      fmnist report
      fmnist report --version 3 --out /tmp/report
    """
    from fmnist.jobs.report import collect
    from fmnist.report.write import write

    with working("Writing the report"):
        files = write(collect(settings, model, number), out)
    print_json({"files": files}) if as_json else click.echo("\n".join(map(str, files)))
