"""``fmnist data show``: images to look at."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import pass_settings, working
from fmnist.core.fashion_mnist import TRAIN
from fmnist.data.base import BRANCH
from fmnist.data.commits import load
from fmnist.settings import PROJECT
from fmnist.wiring import data_store

if TYPE_CHECKING:
    from fmnist.settings import Settings


@click.command()
@click.argument("repo", default=TRAIN.repo)
@click.argument("ref", default=BRANCH)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="PNG file to write."
)
@click.option("--augment", is_flag=True, help="One image of each class, and what training may do to it.")
@click.option(
    "--experiment",
    type=click.Path(dir_okay=False, path_type=Path),
    default=PROJECT / "const.yaml",
    help="Experiment file with the augmentation. Default: const.yaml.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which images.")
@pass_settings
def show(
    settings: "Settings", repo: str, ref: str, out: Path, augment: bool, experiment: Path, seed: int
) -> None:
    """Draw images of a commit, ten of each class, as one picture.

    \b
    Examples:
      fmnist data show --out garments.png
      fmnist data show --augment --out augmented.png
      fmnist data show fmnist-test-raw 1f3a9c --seed 7 --out test.png
    """
    from fmnist.cli.data.sheets import augmented_images, some_images
    from fmnist.files.atomic import write_atomically

    store = data_store(settings)
    with working(f"drawing images of {repo}"):
        dataset = load(store, store.get(repo, ref))
        sheet = augmented_images(dataset, experiment, seed) if augment else some_images(dataset, seed)
        write_atomically(out, sheet)
    click.echo(out)
