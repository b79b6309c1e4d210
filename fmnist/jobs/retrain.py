"""What fmnist-nightly runs: ``python3 -m fmnist.jobs.retrain``."""

import json
from pathlib import Path

import click

from fmnist import settings
from fmnist import wiring as engines
from fmnist.core.fashion_mnist import MODEL_NAME, TRAIN
from fmnist.data.base import Commit
from fmnist.data.quality import validate
from fmnist.files.atomic import write_atomically
from fmnist.jobs.program import experiment, out, run, say, seconds
from fmnist.registry.base import ModelVersion
from fmnist.retraining.training import RESULT, SCHEMA_VERSION, train_on
from fmnist.wiring import cluster_of


@click.command()
@experiment
@seconds
@out
def retrain(file: Path, seconds: float, out: Path) -> None:
    """Train on the newest training images if the champion was trained on others.

    \b
    Example:
      python3 -m fmnist.jobs.retrain --out /tmp
    """
    own = settings.from_environment()
    cluster = cluster_of(own)
    head = cluster.store.get(TRAIN.repo)
    number = engines.champion(own, MODEL_NAME)
    champion = cluster.registry.get(MODEL_NAME, number) if number else None
    if champion and has_seen(champion, head):
        say(f"{MODEL_NAME} {champion.number}, the champion, was trained on what {head.repo}@{head.id} holds")
        nothing = {"schema_version": SCHEMA_VERSION, "commit": head.id, "champion": champion.number}
        write_atomically(out / RESULT, json.dumps(nothing, indent=2) + "\n")
        return
    say(f"{head.repo}@{head.id} has changed since {_who(champion)}")
    found = validate(cluster.store, head)
    write_atomically(out / RESULT, train_on(found, head.id, file, cluster, seconds, say).text())


def has_seen(champion: ModelVersion, head: Commit) -> bool:
    """Whether the champion was trained on the very files of this commit."""
    seen = champion.metadata.provenance.train_data.sha256
    return dict(seen) == {file.name: file.sha256 for file in head.files}


def _who(champion: ModelVersion | None) -> str:
    if champion is None:
        return "nothing: there is no champion yet"
    data = champion.metadata.provenance.train_data
    return f"{champion.model} {champion.number}, the champion, was trained on {data.repo}@{data.commit}"


if __name__ == "__main__":
    run(retrain)
