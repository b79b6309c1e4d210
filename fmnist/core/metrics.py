"""Measures of a classifier, from its probabilities and the true labels. NumPy only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.core.fashion_mnist import CLASSES, GROUPS

Probabilities = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Scores:
    """All values are 0-1 but ``confusion``, counts of shape [10, 10], rows the truth.

    ``macro_*`` are plain means over the ten classes; a class never predicted has precision 0.
    ``group_accuracy`` is by retailers' group: right if the group with the largest summed
    probability is the true class's group, over the images of that group. ``precision`` and
    ``recall`` are by class number.
    """

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    group_accuracy: Mapping[str, float]
    confusion: NDArray[np.int64]

    def scalars(self) -> dict[str, float]:
        """The numbers that trackers draw, by metric name."""
        groups = {f"accuracy_{name.replace(' ', '_')}": value for name, value in self.group_accuracy.items()}
        return {
            "accuracy": self.accuracy,
            "macro_precision": self.macro_precision,
            "macro_recall": self.macro_recall,
            "macro_f1": self.macro_f1,
            **groups,
        }


def score(probabilities: Probabilities, labels: NDArray[np.uint8]) -> Scores:
    """Score ``probabilities`` [n, 10] against ``labels`` [n], n >= 1."""
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    hits = confusion.diagonal()
    recall = _share(hits, confusion.sum(axis=1))
    precision = _share(hits, confusion.sum(axis=0))
    f1 = _share(2 * precision * recall, precision + recall)
    return Scores(
        accuracy=float(hits.sum() / len(labels)),
        macro_precision=float(precision.mean()),
        macro_recall=float(recall.mean()),
        macro_f1=float(f1.mean()),
        precision=tuple(float(value) for value in precision),
        recall=tuple(float(value) for value in recall),
        group_accuracy=_group_accuracy(probabilities, labels),
        confusion=confusion,
    )


def _share(part: NDArray[np.generic], whole: NDArray[np.generic]) -> NDArray[np.float64]:
    result = np.zeros(len(whole), np.float64)
    np.divide(part, whole, out=result, where=whole > 0)  # type: ignore[operator]
    return result


def _group_accuracy(probabilities: Probabilities, labels: NDArray[np.uint8]) -> dict[str, float]:
    sums = np.stack([probabilities[:, list(members)].sum(axis=1) for members in GROUPS.values()], axis=1)
    chosen = sums.argmax(axis=1)
    result = {}
    for number, (name, members) in enumerate(GROUPS.items()):
        of_group = np.isin(labels, members)
        result[name] = float((chosen[of_group] == number).mean()) if of_group.any() else 0.0
    return result
