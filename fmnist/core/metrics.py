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
        groups_accuracy: of the classification into the five groups, over all images.
        groups_macro_f1: of the same, plain mean over the groups.
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
    groups_accuracy: float
    groups_macro_f1: float
    confusion: NDArray[np.int64]

    def scalars(self) -> dict[str, float]:
        """The scores that trackers draw, by metric name."""
        groups = {f"accuracy_{name.replace(' ', '_')}": value for name, value in self.group_accuracy.items()}
        return {
            "accuracy": self.accuracy,
            "macro_precision": self.macro_precision,
            "macro_recall": self.macro_recall,
            "macro_f1": self.macro_f1,
            "groups_accuracy": self.groups_accuracy,
            "groups_macro_f1": self.groups_macro_f1,
            **groups,
        }


def score(probabilities: Probabilities, labels: NDArray[np.uint8]) -> Scores:
    """Score ``probabilities`` [n, 10] against ``labels`` [n], n >= 1."""
    confusion = _confusion(labels, probabilities.argmax(axis=1), len(CLASSES))
    precision, recall, f1 = _by_class(confusion)
    sums = np.stack([probabilities[:, list(members)].sum(axis=1) for members in GROUPS.values()], axis=1)
    groups = _confusion(_GROUP_OF[labels], sums.argmax(axis=1), len(GROUPS))
    _, group_recall, group_f1 = _by_class(groups)
    return Scores(
        accuracy=float(confusion.trace() / len(labels)),
        macro_precision=float(precision.mean()),
        macro_recall=float(recall.mean()),
        macro_f1=float(f1.mean()),
        precision=tuple(precision.tolist()),
        recall=tuple(recall.tolist()),
        f1=tuple(f1.tolist()),
        group_accuracy=dict(zip(GROUPS, group_recall.tolist(), strict=True)),
        groups_accuracy=float(groups.trace() / len(labels)),
        groups_macro_f1=float(group_f1.mean()),
        confusion=confusion,
    )


_GROUP_OF = np.array(
    [
        next(at for at, members in enumerate(GROUPS.values()) if number in members)
        for number in range(len(CLASSES))
    ]
)
"""Number of the group by class number."""


def _confusion(truth: NDArray[Any], predicted: NDArray[np.intp], classes: int) -> NDArray[np.int64]:
    # sklearn.metrics takes 160 MB and seconds to import, in every process that trains.
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def _by_class(confusion: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """Precision, recall and F1 by class; 0 where there is nothing to divide by."""
    hits, truth, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return _ratio(hits, predicted), _ratio(hits, truth), _ratio(2 * hits, truth + predicted)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    result = np.zeros(len(whole))
    np.divide(part, whole, out=result, where=whole > 0)
    return result
