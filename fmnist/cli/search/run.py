"""``fmnist search FILE``: run a search and print its best trial's checkpoint."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fmnist.cli.console import pass_settings, say
from fmnist.core.signals import raise_on_sigterm
from fmnist.search.trial import SearchResult

if TYPE_CHECKING:
    from fmnist.settings import Settings


@click.command(hidden=True)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--config", "overrides", multiple=True, metavar="a.b=value", help="Change a field of FILE.")
@click.option("--jobs", type=click.IntRange(min=1), help="Trials at once; default: as many as fit.")
@click.option("--fresh", is_flag=True, help="Set an existing study of this name aside, and start over.")
@click.option(
    "--write-const",
    "const",
    type=click.Path(dir_okay=False, path_type=Path),
    is_flag=False,
    flag_value="const.yaml",
    metavar="[FILE]",
    help="Write the best trial into FILE (const.yaml), for one training.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON, for machines.")
@pass_settings
def run(
    settings: "Settings",
    file: Path,
    overrides: tuple[str, ...],
    jobs: int | None,
    fresh: bool,
    const: Path | None,
    as_json: bool,
) -> None:
    """Search the hyperparameter ranges of a Determined experiment FILE.

    Stops trials that fall behind, as Determined does; the result is the best trial's checkpoint.
    After an interruption the same command resumes: finished trials are not repeated.

    \b
    Examples:
      fmnist search adaptive.yaml
      fmnist search adaptive.yaml --config searcher.max_trials=4 --jobs 2
      fmnist search adaptive.yaml --fresh --json
      fmnist search adaptive.yaml --write-const
      fmnist search show
    """
    from fmnist.jobs.search import search_file

    raise_on_sigterm()
    result = search_file(settings, file, overrides, say, jobs=jobs, fresh=fresh)
    if const:
        _write(settings, const, result)
    if as_json:
        click.echo(json.dumps(_document(result)))
    else:
        _print(result)


def _write(settings: "Settings", const: Path, result: SearchResult) -> None:
    from fmnist.search.best import write_const
    from fmnist.search.study_folder import find_study

    write_const(const, find_study(settings, result.experiment), result.best)
    say(f"{const}: trial {result.best.id}")


def _print(result: SearchResult) -> None:
    from rich.console import Console

    from fmnist.search.ranking import ranking

    console = Console(highlight=False)
    console.print(ranking(result.trials, f"search {result.experiment}", width=console.width))
    click.echo(f"best: trial {result.best.id}, accuracy {result.best.metric:.4f}")
    click.echo(result.best.checkpoint)


def _document(result: SearchResult) -> dict[str, Any]:
    return {
        "experiment": result.experiment,
        "best": result.best.id,
        "checkpoint": str(result.best.checkpoint),
        "trials": [trial.document() for trial in result.trials],
    }
