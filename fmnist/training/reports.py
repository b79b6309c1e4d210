"""Reports of epochs for trackers: metrics and figures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmnist.core.dataset import Dataset, Labels
from fmnist.core.metrics import Probabilities, score
from fmnist.tracking.base import EpochReport
from fmnist.tracking.figures import confusion_matrix, samples, worst_errors

if TYPE_CHECKING:
    from fmnist.training.epochs import EpochResult

_SMALLEST_SHARE = 1e-7


@dataclass(frozen=True)
class Reporter:
    """Makes the reports of a training of ``epochs`` epochs; ``validation`` may be empty."""

    epochs: int
    validation: Dataset

    def report(self, epoch: int, result: "EpochResult", probabilities: Probabilities) -> EpochReport:
        """The report of an epoch.

        Args:
            epoch: from 1.
            result: of training.
            probabilities: of the validation images after the epoch, float32 [n, 10].

        Raises:
            Diverged: a metric is not finite.
        """
        training = {
            "loss": result.loss,
            "accuracy": result.accuracy,
            "learning_rate": result.learning_rate,
            "images_per_second": result.images_per_second,
        }
        validation: dict[str, float] = {}
        pictures: dict[str, bytes] = {}
        if result.samples:
            pictures["augmented_samples"] = samples(result.samples)
        if len(self.validation):
            scores = score(probabilities, self.validation.labels)
            validation = {"loss": _log_loss(probabilities, self.validation.labels), **scores.scalars()}
            title = f"Validation images, epoch {epoch} of {self.epochs}: accuracy {scores.accuracy:.4f}"
            pictures["confusion_matrix"] = confusion_matrix(scores.confusion, title)
            pictures["worst_errors"] = worst_errors(self.validation, probabilities)
        return EpochReport(epoch, self.epochs, result.steps, training, validation, pictures)


def _log_loss(probabilities: Probabilities, labels: Labels) -> float:
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(true, _SMALLEST_SHARE)).mean())
