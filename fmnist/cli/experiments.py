"""``fmnist experiments``: trainings and searches on a Determined cluster."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist import wiring as engines
from fmnist.cli.console import as_json, pass_settings, print_json, say, working
from fmnist.settings import PROJECT

if TYPE_CHECKING:
    from fmnist.experiments.determined.experiments import DeterminedExperiments, ExperimentOutcome
    from fmnist.settings import Settings

_SIX_HOURS = 6 * 3600


@click.group()
def experiments() -> None:
    """Submit experiment files to a Determined master, and wait for them.

    \b
    Examples:
      fmnist experiments create adaptive.yaml
      fmnist experiments wait 7

    DET_MASTER, DET_USER and DET_PASS name the master and the user.
    """


@experiments.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--config", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the file.")
@click.option("--allow-dirty", is_flag=True, help="Submit although files differ from the git commit.")
@click.option("--once", is_flag=True, help="Do nothing if the same data, code and file were submitted.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the configuration; DET_MASTER checks it.",
)
@as_json
@pass_settings
def create(
    settings: "Settings",
    file: Path,
    overrides: tuple[str, ...],
    allow_dirty: bool,
    once: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Submit FILE with exact data commits in the place of branches, and with the git commit.

    \b
    Examples:
      fmnist experiments create const.yaml
      fmnist experiments create adaptive.yaml --once --json
      fmnist experiments create const.yaml --config data.train.commit=8d0b3f…
    """
    from fmnist.experiments.data_section import announced_commit
    from fmnist.experiments.submission import prepare

    with working("Looking up the data commits"):
        submission = prepare(
            file,
            overrides,
            engines.data_store(settings),
            PROJECT,
            engine=settings.data_store,
            announced=announced_commit(settings),
            allow_dirty=allow_dirty,
        )
    if dry_run:
        if settings.determined:
            engines.experiments(settings).validate(submission)
        print_json(submission.document)
        return
    with working(f"Submitting {submission.name} with {submission.train.repo}@{submission.train.id}"):
        made = engines.experiments(settings).create(submission, once=once)
    if as_json:
        print_json({**asdict(made), "key": submission.key, "train_commit": submission.train.id})
        return
    if made.is_new:
        say(f"{made.files} files, {made.bytes:,} bytes sent; {made.url}")
    click.echo(f"Created experiment {made.id}" if made.is_new else f"Experiment {made.id} was created before")


@experiments.command()
@click.argument("number", metavar="EXPERIMENT", type=click.IntRange(min=1))
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=_SIX_HOURS, show_default=True, help="Seconds."
)
@as_json
@pass_settings
def wait(settings: "Settings", number: int, timeout: float, as_json: bool) -> None:
    """Wait for EXPERIMENT; ends with 0 only if it completed and left a checkpoint.

    \b
    Examples:
      fmnist experiments wait 7
      fmnist experiments wait 7 --timeout 3600 --json

    Ends with 11 if it was cancelled, broke or left no checkpoint, with 10 if it takes too long.
    """
    outcome = _experiments(settings).wait(number, timeout, say)
    if as_json:
        print_json(asdict(outcome))
    else:
        click.echo(_line(outcome))


def _experiments(settings: "Settings") -> "DeterminedExperiments":
    return engines.experiments(settings)


def _line(outcome: "ExperimentOutcome") -> str:
    ran = f"{outcome.trials} of {outcome.wanted} trials" if outcome.wanted > 1 else f"{outcome.trials} trial"
    return (
        f"Experiment {outcome.id} ({outcome.name}) completed, {ran}: checkpoint {outcome.checkpoint}, "
        f"validation accuracy {outcome.metric:.4f}"
    )
