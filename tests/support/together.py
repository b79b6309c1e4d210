"""A small training, alone or by several processes: ``python -m tests.support.together OUT RANK ADDRESS...``.

The network has neither batch normalisation nor dropout, so that how many share a batch cannot matter.
"""

import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from fmnist.data.synthetic import draw
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.tracking.base import Decision
from fmnist.training import backend, epochs
from fmnist.training.distributed import Collective
from fmnist.training.job import WorkerGroup
from fmnist.training.resume import Arrays

BATCH = 32
EPOCHS = 2
SEED = 7
VALUES = {
    "network": "baseline",
    "width": 8,
    "dropout": 0,
    "epochs": EPOCHS,
    "batch_size": BATCH,
    "val_size": 0,
    "optimizer": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.001},
    "schedule": {"name": "cosine", "warm_up": 0.25},
    "loss": {"name": "cross_entropy"},
    "class_weights": "balanced",
    "augmentation": {"flip": 0.5, "shift": 0.5},
}


def learn(collective: Collective) -> tuple[Arrays, epochs.EpochResult]:
    """The weights and the last epoch's figures."""
    garments = draw(200, seed=1)
    with patch.object(epochs, "build", _network):
        training = epochs.Trainer(Hyperparameters.read(VALUES), SEED, len(garments), EPOCHS, collective)
    for number in range(1, EPOCHS + 1):
        result = training.run_epoch(number, garments, lambda *_: None)
    weights, _ = training.variables()
    return weights, result


def _network(hyperparameters: Hyperparameters, seed: int) -> Any:
    layers = backend.keras.layers
    backend.keras.utils.set_random_seed(seed)
    image = backend.keras.Input((28, 28), dtype="uint8")
    x = layers.Reshape((28, 28, 1))(layers.Rescaling(1 / 255)(image))
    x = layers.Conv2D(8, 5, strides=2, activation="relu")(x)
    x = layers.Conv2D(16, 3, strides=2, activation="relu")(x)
    return backend.keras.Model(image, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))


def _main(out: Path, rank: int, addresses: tuple[str, ...]) -> None:
    backend.prepare(1)
    collective = Collective(WorkerGroup(addresses, rank))
    weights, result = learn(collective)
    # Only one of them wants to stop.
    decision = collective.all_reduce(Decision.STOP if rank == 1 else Decision.CONTINUE)
    np.savez(out, *weights, figures=[result.loss, result.accuracy, result.steps], decision=decision.value)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3:]))
