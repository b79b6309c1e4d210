"""``fmnist train``."""

from pathlib import Path

import click

from fmnist.cli.console import as_json, pass_settings, print_json
from fmnist.core.signals import raise_on_sigterm
from fmnist.settings import PROJECT, Settings


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=PROJECT / "const.yaml")
@click.option("--config", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of FILE.")
@click.option("--from", "parent", type=click.Path(path_type=Path), help="Continue from this checkpoint.")
@click.option("--out", type=click.Path(path_type=Path), help="New folder for the checkpoint.")
@click.option("--fresh", is_flag=True, help="Start over instead of resuming an unfinished training.")
@click.option("--threads", type=click.IntRange(1), help="TensorFlow's threads; all cores if not given.")
@click.option(
    "--curves", type=click.Path(dir_okay=False, path_type=Path), help="CSV file for each epoch's metrics."
)
@as_json
@pass_settings
def train(
    settings: Settings,
    file: Path,
    overrides: tuple[str, ...],
    parent: Path | None,
    out: Path | None,
    fresh: bool,
    threads: int | None,
    curves: Path | None,
    as_json: bool,
) -> None:
    """Train the model of a Determined experiment FILE on the newest data; print the checkpoint's folder.

    \b
    Examples:
      fmnist train
      fmnist train const.yaml --config hyperparameters.epochs=2
      fmnist train const.yaml --config hyperparameters.epochs=12 --from .fmnist/checkpoints/fmnist-const/RUN
      fmnist train const.yaml --out /tmp/checkpoint --json

    After an interruption the same command resumes after the last finished epoch and ends with the same
    weights, if file, data, code and threads are the same; --fresh starts over.

    --from continues from a checkpoint's weights: hyperparameters.epochs includes the epochs that
    the checkpoint was trained for.
    """
    from fmnist.jobs.train import train_file

    raise_on_sigterm()
    bundle = train_file(
        settings,
        file,
        overrides,
        parent=parent,
        out=out,
        fresh=fresh,
        threads=threads,
        curves=curves,
    )
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
