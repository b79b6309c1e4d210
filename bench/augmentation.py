"""What augmentation costs: microseconds per image of each variation, and the share of an epoch's time.

The share is of const.yaml's epoch, for its own augmentation and for all ten variations at probability
0.5. Both are measured in one process, each the median of ROUNDS alternating rounds of IMAGES images.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

from fmnist.core.dataset import Dataset, Images
from fmnist.core.machine import usable_cores
from fmnist.data.commits import load
from fmnist.data.fetch import fetch
from fmnist.experiments import load_experiment
from fmnist.experiments.hyperparameters import Augmentation, Hyperparameters
from fmnist.settings import PROJECT, from_environment
from fmnist.training import backend
from fmnist.training.augmentation import VARIATIONS, augment
from fmnist.wiring import data_store

IMAGES = 12_000
ROUNDS = 5
EVERYTHING = Augmentation.model_validate(dict.fromkeys(VARIATIONS, 0.5))


def seconds(act: Callable[..., object], *arguments: object) -> float:
    """How long ``act`` takes."""
    start = time.perf_counter()
    act(*arguments)
    return time.perf_counter() - start


def cost(images: Images, augmentation: Augmentation) -> float:
    """Seconds that ``images`` take."""
    return seconds(augment, images, augmentation, np.random.default_rng(0))


def silent(step: int, steps: int) -> None:
    """Tell nobody."""


def main() -> None:
    """Measure and print."""
    settings = from_environment()
    store = data_store(settings)
    whole = load(store, fetch(settings, store, print)[0])
    dataset = Dataset(whole.images[:IMAGES], whole.labels[:IMAGES])
    hyperparameters = Hyperparameters.read(load_experiment(PROJECT / "const.yaml").constants())
    own = hyperparameters.augmentation

    print("variation          µs per image")
    for name in VARIATIONS:
        alone = Augmentation.model_validate({name: 1})
        took = statistics.median(cost(dataset.images, alone) for _ in range(ROUNDS))
        print(f"{name:18} {1e6 * took / len(dataset):12.2f}")

    backend.prepare(usable_cores())
    from fmnist.training.epochs import Trainer

    plain = hyperparameters.model_copy(update={"augmentation": Augmentation()})
    trainer = Trainer(plain, seed=0, images=len(dataset), epochs=ROUNDS + 1)
    # The first epoch also traces the graph.
    seconds(trainer.run_epoch, 1, dataset, silent)
    rounds = np.array(
        [
            (
                seconds(trainer.run_epoch, number, dataset, silent),
                cost(dataset.images, own),
                cost(dataset.images, EVERYTHING),
            )
            for number in range(2, ROUNDS + 2)
        ]
    )
    epoch, *costs = np.median(rounds, axis=0)
    for name, took in zip(("const.yaml's", "all ten at 0.5"), costs, strict=True):
        print(f"{name}: {took / (epoch + took):.1%} of an epoch of {hyperparameters.network}")


if __name__ == "__main__":
    main()
