"""The tables and samples of a report, from a model's answers to the test images."""

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.gate.answers import Answers
from fmnist.gate.evidence import ClassScores, ReliabilityBin, SampleError
from fmnist.gate.measurement import Estimate
from fmnist.gate.statistics import percentiles, resampled_sums

_BINS = 15
_ERRORS = 60


def class_table(confusion: NDArray[np.int64]) -> tuple[ClassScores, ...]:
    """One row per class from ``confusion`` [10, 10], rows the truth."""
    hits, truly, named = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        ClassScores(
            name=name,
            images=int(truly[number]),
            precision=_share(hits[number], named[number]),
            recall=_share(hits[number], truly[number]),
            f1=_share(2 * hits[number], truly[number] + named[number]),
        )
        for number, name in enumerate(CLASSES)
    )


def reliability(answers: Answers, labels: Labels) -> tuple[ReliabilityBin, ...]:
    """Fifteen equal bins of the answers' own probability."""
    confidence, right = _confidence(answers, labels)
    number = _bin_of(confidence)
    return tuple(
        ReliabilityBin(
            low=index / _BINS,
            high=(index + 1) / _BINS,
            images=int(chosen.sum()),
            confidence=float(confidence[chosen].mean()) if chosen.any() else 0.0,
            accuracy=float(right[chosen].mean()) if chosen.any() else 0.0,
        )
        for index in range(_BINS)
        for chosen in [number == index]
    )


def calibration_error(answers: Answers, labels: Labels) -> Estimate:
    """How far a bin's mean probability is from its share of right answers, 0-1, mean over the images."""
    confidence, right = _confidence(answers, labels)
    gap, bins = confidence - right, _bin_of(confidence)
    sums = np.bincount(bins, gap, minlength=_BINS)
    resampled = np.abs(resampled_sums(gap, bins, _BINS)).sum(axis=1) / len(labels)
    return Estimate(float(np.abs(sums).sum() / len(labels)), percentiles(resampled))


def _confidence(answers: Answers, labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return answers.max(axis=1).astype(np.float64), answers.argmax(axis=1) == labels


def _bin_of(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin, 0-14, of each probability, 0-1; the upper edge belongs to a bin."""
    return np.digitize(confidence, np.arange(1, _BINS) / _BINS, right=True)


def surest_errors(answers: Answers, labels: Labels) -> tuple[SampleError, ...]:
    """The wrong answers given with the highest probability, at most sixty, by falling probability."""
    wrong = np.flatnonzero(answers.argmax(axis=1) != labels)
    order = np.argsort(-answers[wrong].max(axis=1), kind="stable")[:_ERRORS]
    return tuple(
        SampleError(
            index=int(row),
            truth=int(labels[row]),
            answer=int(answers[row].argmax()),
            probability=float(answers[row].max()),
            truth_probability=float(answers[row, labels[row]]),
        )
        for row in wrong[order]
    )


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else 0.0
