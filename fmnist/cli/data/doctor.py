"""``fmnist data doctor``: unfinished and failed commits at the server."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, print_json, print_table, say, working
from fmnist.core.fashion_mnist import SPLITS
from fmnist.errors import DataError
from fmnist.wiring import data_doctor

if TYPE_CHECKING:
    from fmnist.data.pachyderm.doctor import Checkup, Finding
    from fmnist.settings import Settings


@click.command()
@click.argument("repos", metavar="[REPO]...", nargs=-1)
@click.option("--drop", is_flag=True, help="Remove the commits that are found, with what is in them.")
@click.option(
    "--older-than",
    "minutes",
    type=click.FloatRange(min=0),
    default=10,
    show_default=True,
    help="With --drop: leave commits alone that somebody may still be writing, in minutes.",
)
@as_json
@pass_settings
def doctor(settings: "Settings", repos: tuple[str, ...], drop: bool, minutes: float, as_json: bool) -> None:
    """Check the Pachyderm server, and REPOs for commits that were never finished or that failed.

    Both splits' repos unless named. Ends with 4 if something is found and left. A commit that somebody
    started and did not finish is the head of its branch with half its files: fmnist reads none such, and
    puts nothing into it.

    \b
    Examples:
      fmnist data doctor
      fmnist data doctor fmnist-train-raw --drop
      fmnist data doctor --drop --older-than 0 --json
    """
    server = data_doctor(settings)
    with working("Looking at the server"):
        found = server.examine(repos or [split.repo for split in SPLITS])
    dropped = server.drop(found.findings, timedelta(minutes=minutes)) if drop else []
    print_json(_document(found, dropped)) if as_json else _show(found, dropped)
    if len(dropped) < len(found.findings):
        sys.exit(DataError.exit_code)


def _document(found: "Checkup", dropped: "list[Finding]") -> dict[str, object]:
    return asdict(found) | {"dropped": [finding.commit for finding in dropped]}


def _show(found: "Checkup", dropped: "list[Finding]") -> None:
    who = f"as {found.user}" if found.user else "without authentication"
    click.echo(f"{found.address}: pachd {found.version}, {who}")
    for repo, commits in found.commits.items():
        click.echo(f"{repo}: {'missing' if commits is None else f'{commits} commits'}")
    if not found.findings:
        return
    rows = [
        (
            finding.repo,
            finding.commit,
            "yes" if finding.is_head else "no",
            f"{(datetime.now(UTC) - finding.since).total_seconds() / 60:.0f}",
            finding.problem,
            "dropped" if finding in dropped else "left",
        )
        for finding in found.findings
    ]
    print_table(("repo", "commit", "head", "minutes", "problem", ""), rows)
    if len(dropped) < len(found.findings):
        say("fmnist data doctor --drop removes them; --older-than 0 also young ones")
