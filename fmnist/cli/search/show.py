"""``fmnist search show``: the trials of a study, as a table and as figures."""

import sys
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, print_json

if TYPE_CHECKING:
    from fmnist.search.study_folder import StudyRecord
    from fmnist.search.trial import Trial
    from fmnist.settings import Settings

_PORT = 8081
"""The dashboard's default port is that of our gateway."""


@click.command()
@click.argument("study", required=False)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the pictures.")
@click.option(
    "--write-const",
    "const",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the best trial into FILE, an experiment file for one training.",
)
@as_json
@pass_settings
def show(
    settings: "Settings", study: str | None, out: Path | None, const: Path | None, as_json: bool
) -> None:
    """Show the trials of STUDY, by default the one last written; draw its pictures.

    \b
    Examples:
      fmnist search show
      fmnist search show fmnist-adaptive --out reports/search
      fmnist search show --write-const const.yaml

    The study may still be running. The last lines name the pictures, and the command that opens the
    study in Optuna's dashboard.
    """
    from fmnist.search.asha import plan_of
    from fmnist.search.optuna.study import read_trials
    from fmnist.search.study_folder import find_study

    record = find_study(settings, study)
    trials = read_trials(record.journal, record.experiment, plan_of(record.experiment))
    pictures = _draw(record, trials, out or record.folder / "pictures")
    if const:
        _write(const, record, trials)
    if as_json:
        print_json(_document(record, trials, pictures))
    else:
        _print(record, trials, pictures)


def _draw(record: "StudyRecord", trials: "tuple[Trial, ...]", folder: Path) -> list[Path]:
    from fmnist.files.atomic import write_atomically
    from fmnist.search.optuna.plots import learning_curves, parallel_coordinates

    title = f"{record.name}: {len(trials)} trials on {_short(record.data)}"
    pictures = {
        folder / "learning-curves.png": learning_curves(record.experiment, trials, title),
        folder / "parallel-coordinates.png": parallel_coordinates(record.experiment, trials, title),
    }
    for path, content in pictures.items():
        write_atomically(path, content)
    return list(pictures)


def _write(const: Path, record: "StudyRecord", trials: "tuple[Trial, ...]") -> None:
    from fmnist.errors import NotFoundError
    from fmnist.search.best import write_const
    from fmnist.search.trial import best_of

    best = best_of(trials)
    if best is None:
        raise NotFoundError(f"study {record.name}: no trial has ended yet")
    write_const(const, record, best)
    click.echo(f"{const}: trial {best.id} of {record.name}", err=True)


def _print(record: "StudyRecord", trials: "tuple[Trial, ...]", pictures: list[Path]) -> None:
    from rich.console import Console

    from fmnist.search.ranking import ranking
    from fmnist.search.trial import best_of

    console = Console(highlight=False)
    title = f"study {record.name}, {record.experiment.searcher.name}, on {_short(record.data)}"
    console.print(ranking(trials, title, width=console.width))
    best = best_of(trials)
    if best:
        click.echo(f"best: trial {best.id}, accuracy {best.metric:.4f}, {best.checkpoint}")
    for path in pictures:
        click.echo(path)
    click.echo(f"dashboard: {join(dashboard(record.journal))}")


def _document(record: "StudyRecord", trials: "tuple[Trial, ...]", pictures: list[Path]) -> dict[str, object]:
    from fmnist.search.trial import best_of

    best = best_of(trials)
    return {
        "study": record.name,
        "data_commit": record.data,
        "best": best.id if best else None,
        "trials": [trial.document() for trial in trials],
        "pictures": [str(path) for path in pictures],
        "journal": str(record.journal),
        "dashboard": dashboard(record.journal),
    }


def _short(data: str) -> str:
    """A data commit with a short id."""
    repo, _, commit = data.partition("@")
    return f"{repo}@{commit[:12]}"


def dashboard(journal: Path) -> list[str]:
    """The command that shows a study in a browser."""
    program = Path(sys.executable).with_name("optuna-dashboard")
    return [str(program), "--port", str(_PORT), "--storage-class", "JournalFileStorage", str(journal)]
