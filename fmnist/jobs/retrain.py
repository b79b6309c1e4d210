"""Program of fmnist-nightly: ``python3 -m fmnist.jobs.retrain``."""

from pathlib import Path

import click

from fmnist import wiring
from fmnist.core.fashion_mnist import MODEL_NAME, TRAIN
from fmnist.core.logs import bind
from fmnist.data.quality import validate
from fmnist.jobs.pipeline_program import experiment, out, run, say, seconds
from fmnist.retraining.decide import decide
from fmnist.retraining.training import NoTraining, train_on, write_result
from fmnist.settings import from_environment


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
    settings = from_environment()
    cluster = wiring.cluster_of(settings)
    head = cluster.store.get(TRAIN.repo)
    bind(data_commit=head.id)
    champion = wiring.champion(settings, MODEL_NAME)
    decision = decide(head, champion)
    say(decision.reason)
    if champion and not decision.train:
        write_result(out, NoTraining(head.id, champion.number))
        return
    validation = validate(cluster.store, head)
    write_result(out, train_on(validation, head.id, file, cluster, seconds, say))


if __name__ == "__main__":
    run(retrain)
