"""Labels that are likely wrong, by confident learning (Northcutt, Jiang and Chuang, 2021)."""

from dataclasses import dataclass

import numpy as np

from fmnist.core.dataset import Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.metrics import Probabilities


@dataclass(frozen=True)
class Suspect:
    """An image, by its index, whose label the others speak against; probabilities are 0-1."""

    index: int
    label: int
    suggested: int
    label_probability: float
    suggested_probability: float


def likely_mislabelled(probabilities: Probabilities, labels: Labels) -> list[Suspect]:
    """The suspects, the surest first, by probabilities [n, 10] of models that did not see the image.

    An image is suspect if another class is more probable than its label and at least as probable as
    that class is, on average, for the images that bear its label.
    """
    rows = np.arange(len(labels))
    own = probabilities[rows, labels]
    thresholds = np.array(
        [
            own[labels == number].mean() if (labels == number).any() else np.inf
            for number in range(len(CLASSES))
        ]
    )
    confident = np.where(probabilities >= thresholds, probabilities, 0)
    suggested = confident.argmax(axis=1)
    likely = confident[rows, suggested]
    margin = likely - own
    suspects = np.flatnonzero((suggested != labels) & (margin > 0))
    return [
        Suspect(
            int(index), int(labels[index]), int(suggested[index]), float(own[index]), float(likely[index])
        )
        for index in suspects[np.argsort(-margin[suspects], kind="stable")]
    ]
