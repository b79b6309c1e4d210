"""The baseline against the modern network: seconds per epoch, and test accuracy after equal time.

Three seeds, the two alternating in one run, so that a machine that changes its pace meets both.
The time of the baseline's EPOCHS epochs is what the modern network gets too, in whole epochs.
"""

import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import TRAIN
from fmnist.core.machine import usable_cores
from fmnist.core.metrics import score
from fmnist.core.predictor import Predictor
from fmnist.core.provenance import DataReference
from fmnist.data.commits import load
from fmnist.data.fetch import fetch
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.settings import from_environment
from fmnist.tracking.base import Decision, EpochReport
from fmnist.training.job import TrainingJob
from fmnist.training.loop import train
from fmnist.wiring import data_store

SEEDS = (1, 2, 3)
EPOCHS = 3
# The demo's network, with values that do well in few epochs.
MODERN = {
    "network": "modern",
    "width": 24,
    "dropout": 0.2,
    "batch_size": 128,
    "val_size": 0.1,
    "optimizer": {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.02},
    "schedule": {"name": "cosine", "warm_up": 0.25, "final": 0.01},
    "loss": {"name": "cross_entropy", "label_smoothing": 0.1},
    "augmentation": {"flip": 0.5},
}
# The baseline as Keras users train it: no augmentation, no smoothing, its own rate and batch.
BASELINE = {
    "network": "baseline",
    "batch_size": 128,
    "optimizer": {"name": "adam", "learning_rate": 0.001},
    "loss": {"name": "cross_entropy"},
    "augmentation": {},
}


class Stopwatch:
    """A run that remembers how long each epoch took, validation included."""

    id = "bench"

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last = 0.0

    def start(self, parameters: Mapping[str, Any]) -> None:
        self._last = time.perf_counter()

    def report(self, report: EpochReport) -> Decision:
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now
        return Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        pass


def measured(
    values: Mapping[str, Any], epochs: int, seed: int, training: Dataset, test: Dataset
) -> tuple[list[float], float]:
    """Seconds of each epoch, and accuracy on the test images."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(
            experiment="bench",
            hyperparameters=Hyperparameters.read({**values, "epochs": epochs}),
            train_data=DataReference(TRAIN.repo, "bench", "official", {}),
            folder=Path(folder) / "checkpoint",
            seed=seed,
            threads=usable_cores(),
            git_commit="bench",
        )
        answers = Predictor(train(job, training, watch)).predict(test.images)
    return watch.seconds, score(answers, test.labels).accuracy


def main() -> None:
    """Measure and print."""
    settings = from_environment()
    store = data_store(settings)
    training, test = (load(store, commit) for commit in fetch(settings, store, print))
    baseline = {**MODERN, **BASELINE}
    print("seed  network   epochs  s/epoch  seconds  test accuracy")
    ratios, gains = [], []
    for seed in SEEDS:
        slow, before = measured(baseline, EPOCHS, seed, training, test)
        # The first epoch also traces the graph: the second tells the pace.
        quick, _ = measured(MODERN, 2, seed, training, test)
        epochs = max(1, int((sum(slow) - (quick[0] - quick[1])) / quick[1]))
        fast, after = measured(MODERN, epochs, seed, training, test)
        for name, seconds, accuracy in (("baseline", slow, before), ("modern", fast, after)):
            pace = statistics.median(seconds)
            print(
                f"{seed:4}  {name:8}  {len(seconds):6}  {pace:7.1f}  {sum(seconds):7.0f}  {accuracy:13.4f}",
                flush=True,
            )
        ratios.append(statistics.median(slow) / statistics.median(fast))
        gains.append(after - before)
    print(
        f"an epoch of the modern network is {statistics.median(ratios):.1f} times as quick; after equal time "
        f"it is {100 * statistics.median(gains):.1f} points more accurate (medians of {len(SEEDS)} seeds)"
    )


if __name__ == "__main__":
    main()
