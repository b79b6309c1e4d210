"""``fmnist data push|pull``: data repos between machines."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, print_json, print_table, working
from fmnist.core.fashion_mnist import SPLITS
from fmnist.data.base import Transfer
from fmnist.wiring import data_remote

if TYPE_CHECKING:
    from fmnist.settings import Settings

_repos = click.argument("repos", metavar="[REPO]...", nargs=-1)
_remote = click.option(
    "--remote",
    metavar="FOLDER|URL|NAME",
    envvar="FMNIST_DATA_REMOTE",
    show_envvar=True,
    help="Where; a NAME is a remote in .dvc/config. Default: DVC's default remote.",
)


@click.command()
@_repos
@_remote
@as_json
@pass_settings
def push(settings: "Settings", repos: tuple[str, ...], remote: str | None, as_json: bool) -> None:
    """Send the commits of REPOs to a DVC remote that lacks them; both splits' repos unless named.

    \b
    Examples:
      fmnist data push --remote /mnt/shared/fmnist
      fmnist data push shoes --remote s3://bucket/fmnist

    Folders and s3:// need nothing more; other URLs need DVC's plugin for them (such as dvc-gs).
    """
    at = data_remote(settings, remote)
    _print([_moved("push", at.push, repo) for repo in repos or _both()], as_json)


@click.command()
@_repos
@_remote
@as_json
@pass_settings
def pull(settings: "Settings", repos: tuple[str, ...], remote: str | None, as_json: bool) -> None:
    """Fetch the commits of REPOs from a DVC remote: the same commits, under the same ids.

    \b
    Examples:
      fmnist data pull --remote /mnt/shared/fmnist
      fmnist data pull shoes --json
    """
    at = data_remote(settings, remote)
    _print([_moved("pull", at.pull, repo) for repo in repos or _both()], as_json)


def _both() -> tuple[str, ...]:
    return tuple(split.repo for split in SPLITS)


def _moved(verb: str, move: Callable[[str], Transfer], repo: str) -> Transfer:
    with working(f"{verb} {repo}"):
        return move(repo)


def _print(transfers: list[Transfer], as_json: bool) -> None:
    if as_json:
        print_json([asdict(transfer) for transfer in transfers])
        return
    rows = [(item.repo, item.head[:12], item.commits, item.files) for item in transfers]
    print_table(("repo", "newest commit there now", "new commits", "files copied"), rows)
