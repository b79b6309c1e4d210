"""``fmnist data ensure``: the first stages of dvc.yaml."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import pass_settings, say
from fmnist.core.fashion_mnist import SPLITS
from fmnist.data.fetch import ensure as ensure_commit
from fmnist.wiring import data_head, data_store

if TYPE_CHECKING:
    from fmnist.settings import Settings

_BY_NAME = {split.name: split for split in SPLITS}


@click.command()
@click.argument("split", type=click.Choice(list(_BY_NAME)))
@click.option("--head", "link", type=click.Path(dir_okay=False, path_type=Path), help="Link to make.")
@pass_settings
def ensure(settings: "Settings", split: str, link: Path | None) -> None:
    """Print the newest commit of a split; fetch Fashion-MNIST where there is none.

    --head makes a link that always reads as the newest commit's id, for tools that watch files:
    dvc.yaml's stages begin with it.

    \b
    Examples:
      fmnist data ensure train
      fmnist data ensure test --head reports/dvc/test_data
    """
    wanted = _BY_NAME[split]
    commit = ensure_commit(settings, data_store(settings), wanted, say)
    if link:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(data_head(settings, wanted.repo))
    click.echo(f"{commit.repo}@{commit.id}")
