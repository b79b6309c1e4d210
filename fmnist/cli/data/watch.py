"""``fmnist data watch``: run a command for each new data commit."""

import json
import os
import subprocess
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import pass_settings, say
from fmnist.core.fashion_mnist import TRAIN
from fmnist.errors import FmnistError
from fmnist.wiring import data_feed

if TYPE_CHECKING:
    from fmnist.settings import Settings


@click.command()
@click.argument("repo", default=TRAIN.repo)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--from", "first", metavar="COMMIT", help="Begin with this commit.")
@click.option("--once", is_flag=True, help="Process the commits that are there, then end.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each commit.")
@pass_settings
def watch(
    settings: "Settings", repo: str, command: tuple[str, ...], first: str | None, once: bool, as_json: bool
) -> None:
    """Print each new commit of REPO, and run COMMAND for it, where no pipeline does.

    Resumes where the last watch stopped; the first one begins with the newest commit. COMMAND finds the
    commit in FMNIST_DATA_REPO and FMNIST_DATA_COMMIT; when it fails the watch ends, and the next one
    begins with the same commit. When the server is away, the watch waits for it.

    \b
    Examples:
      fmnist data watch
      fmnist data watch fmnist-train-raw --once --json
      fmnist data watch fmnist-train-raw -- fmnist train const.yaml
    """
    from fmnist.catalogue.watch_cursors import commit_cursor
    from fmnist.data.watch import begin, poll
    from fmnist.data.watch import watch as watch_repo

    feed, cursor = data_feed(settings), commit_cursor(settings.home, repo)
    begin(feed, repo, cursor, first)
    say(f"Watching {repo}")
    for commit in poll(feed, repo, cursor) if once else watch_repo(feed, repo, cursor, say):
        click.echo(json.dumps({"repo": repo, "commit": commit}) if as_json else f"{repo}@{commit}")
        if command:
            _run(command, repo, commit)


def _run(command: tuple[str, ...], repo: str, commit: str) -> None:
    environment = os.environ | {"FMNIST_DATA_REPO": repo, "FMNIST_DATA_COMMIT": commit}
    try:
        code = subprocess.run(command, env=environment, check=False).returncode
    except OSError as error:
        raise FmnistError(f"{command[0]}: cannot be run: {error.strerror}") from error
    if code:
        raise FmnistError(
            f"{repo}@{commit}: {' '.join(command)} ended with {code}; the next watch begins with this commit"
        )
