"""``fmnist train``."""

from pathlib import Path

import click

from fmnist.cli.console import as_json, print_json
from fmnist.training.options import training_options
from fmnist.training.process import train_in_child


@click.command()
@training_options
@as_json
def train(
    experiment_file: Path,
    overrides: tuple[str, ...],
    parent: Path | None,
    out: Path | None,
    fresh: bool,
    threads: int | None,
    curves: Path | None,
    as_json: bool,
) -> None:
    """Train one model on the newest training data; prints the checkpoint's folder.

    \b
    Examples:
      fmnist train
      fmnist train const.yaml --config hyperparameters.epochs=2
      fmnist train const.yaml --config hyperparameters.epochs=12 --from .fmnist/checkpoints/fmnist-const/RUN
      fmnist train const.yaml --out /tmp/checkpoint --json

    Interrupted or killed, the same command goes on after the last finished epoch and ends with the
    same weights, if file, data, code and threads are the same; --fresh begins anew.

    --from takes over the weights and counts on: hyperparameters.epochs includes the epochs that
    the checkpoint has seen.
    """
    options = {"--from": parent, "--out": out, "--threads": threads, "--curves": curves}
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    given += ["--fresh"] * fresh
    bundle = train_in_child([str(experiment_file), *(f"--config={text}" for text in overrides), *given])
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
