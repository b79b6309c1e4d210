"""``fmnist train`` and ``fmnist retrain``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fmnist.cli.console import as_json, pass_settings, print_json
from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.core.signals import raise_on_sigterm
from fmnist.settings import PROJECT, Settings

if TYPE_CHECKING:
    from fmnist.core.bundle import Bundle


_model = click.option("--model", default=MODEL_NAME, show_default=True)
_OPTIONS = (
    click.option("--from", "parent", type=click.Path(path_type=Path), help="Continue from this checkpoint."),
    click.option("--out", type=click.Path(path_type=Path), help="New folder for the checkpoint."),
    click.option("--fresh", is_flag=True, help="Start over instead of resuming an unfinished training."),
    click.option(
        "--threads", type=click.IntRange(1), help="TensorFlow's threads; all cores, or the version's."
    ),
    click.option(
        "--curves", type=click.Path(dir_okay=False, path_type=Path), help="CSV file for each epoch's metrics."
    ),
)


def _training_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=PROJECT / "const.yaml")
@click.option("--config", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of FILE.")
@_training_options
@as_json
@pass_settings
def train(
    settings: Settings, /, file: Path, overrides: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Train the model of a Determined experiment FILE; print the checkpoint's folder.

    Trains on the newest data, or on the commit that data.train.commit names.

    \b
    Examples:
      fmnist train
      fmnist train const.yaml --config hyperparameters.epochs=2
      fmnist train const.yaml --config hyperparameters.epochs=12 --from .fmnist/checkpoints/fmnist-const/RUN
      fmnist train const.yaml --config data.train.commit=8d0b3f
      fmnist train const.yaml --out /tmp/checkpoint --json

    After an interruption the same command resumes after the last finished epoch and ends with the same
    weights, if file, data, code and threads are the same; --fresh starts over.

    --from continues from a checkpoint's weights: hyperparameters.epochs includes the epochs that
    the checkpoint was trained for.
    """
    from fmnist.jobs.train import TrainOptions, train_file

    raise_on_sigterm()
    _print(train_file(settings, file, overrides, TrainOptions(**options)), as_json)


@click.command()
@click.argument("version", type=click.IntRange(min=1))
@_model
@_training_options
@as_json
@pass_settings
def retrain(settings: Settings, /, version: int, model: str, as_json: bool, **options: Any) -> None:
    """Train VERSION again: on its data commit, with its hyperparameters, seed and threads.

    Prints the checkpoint's folder. The same code on the same machine gives the same weights.

    \b
    Examples:
      fmnist retrain 3
      fmnist retrain 3 --out /tmp/again --json

    A version that was continued from a checkpoint is continued from there again; --from names that
    checkpoint's folder where it is no longer in FMNIST_HOME.
    """
    from fmnist.jobs.train import TrainOptions, train_version_again

    raise_on_sigterm()
    _print(train_version_again(settings, model, version, TrainOptions(**options)), as_json)


def _print(bundle: "Bundle", as_json: bool) -> None:
    if not as_json:
        click.echo(bundle.folder)
        return
    metadata = bundle.metadata
    print_json(
        {
            "checkpoint": str(bundle.folder),
            "sha256": bundle.sha256,
            **metadata.provenance.fields(),
            "epochs": metadata.epochs,
            "metrics": metadata.metrics,
        }
    )
