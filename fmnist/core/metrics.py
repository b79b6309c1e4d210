"""Scores of a classifier, from its probabilities and the true labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.core.fashion_mnist import CLASSES, GROUPS

Probabilities = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores, 0-1, and the confusion matrix.

    Attributes:
        macro_precision: plain mean over the ten classes, as are ``macro_recall`` and ``macro_f1``.
        precision: by class number, as are ``recall`` and ``f1``; 0 for a class never predicted.
        group_accuracy: by retailers' group. An image of the group is correct if the group with the
            largest summed probability is its class's.
        confusion: counts, [10, 10], rows the truth.
    """

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    group_accuracy: Mapping[str, float]
    confusion: NDArray[np.int64]

    def scalars(self) -> dict[str, float]:
        """The scores that trackers draw, by metric name."""
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
    # sklearn.metrics takes 160 MB and seconds to import, in every process that trains.
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    hits, truth, named = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = _ratio(hits, named), _ratio(hits, truth)
    f1 = _ratio(2 * hits, truth + named)
    return Scores(
        accuracy=float(hits.sum() / len(labels)),
        macro_precision=float(precision.mean()),
        macro_recall=float(recall.mean()),
        macro_f1=float(f1.mean()),
        precision=tuple(precision.tolist()),
        recall=tuple(recall.tolist()),
        f1=tuple(f1.tolist()),
        group_accuracy=_group_accuracy(probabilities, labels),
        confusion=confusion,
    )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    result = np.zeros(len(whole))
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _group_accuracy(probabilities: Probabilities, labels: NDArray[np.uint8]) -> dict[str, float]:
    sums = np.stack([probabilities[:, list(members)].sum(axis=1) for members in GROUPS.values()], axis=1)
    chosen = sums.argmax(axis=1)
    result = {}
    for number, (name, members) in enumerate(GROUPS.items()):
        of_group = np.isin(labels, members)
        result[name] = float((chosen[of_group] == number).mean()) if of_group.any() else 0.0
    return result
