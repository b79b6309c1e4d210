"""Measurement of a model version: its very ``model.onnx`` on the versioned test images."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Dataset, Images, Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.metrics import score
from fmnist.core.predictor import Predictor
from fmnist.gate.corruptions import CORRUPTIONS, moved_by_one_pixel
from fmnist.gate.evidence import (
    BINS,
    CorruptionEffect,
    Evidence,
    GroupScores,
    Predictions,
    binned,
    class_table,
    most_confident_errors,
    packed,
    reliability,
)
from fmnist.gate.policy import Policy
from fmnist.gate.statistics import (
    Estimate,
    paired_difference,
    percentiles,
    proportion,
    resampled_counts,
    resampled_sums,
)
from fmnist.gate.test_data import DataFacts
from fmnist.gate.verdict import Interval

_CORRUPTED = 2500
"""Number of images, spread evenly, that are corrupted: all of them would double the time."""

_CHUNK = 250
_SUM_TOLERANCE = 1e-3
_ROUNDS = 5
_CALLS = 40


@dataclass(frozen=True)
class Measurement:
    """Everything the rules judge of a candidate but its comparisons, as plain values.

    Attributes:
        golden_sample_differs: number of classes whose probability for the bundle's golden sample is not the
            recorded one.
        classes: the bundle's class names, in order.
        unusable: number of predictions that are not ten finite probabilities summing to 1.
        images: number of test images.
        commits_ahead: how many commits the test data are newer than the policy's (negative: older);
            None if it names none.
        shared_images: number of test images that are also in the training data, byte for byte.
        synthetic: whether training or test data are synthetic.
        accuracy: 0-1, as are ``macro_precision``, ``macro_recall``, ``macro_f1`` and
            ``recall`` (by class number).
        calibration_error: expected calibration error, 0-1.
        drops: accuracy lost under each of ``CORRUPTIONS``, -1 to 1.
        translation_consistency: share of images, 0-1, whose predicted class stays when they move by a
            pixel.
        latency_ms: for one image on one thread.
        size_bytes: of ``model.onnx``.
    """

    golden_sample_differs: int
    classes: tuple[str, ...]
    unusable: int
    images: int
    commits_ahead: int | None
    shared_images: int
    synthetic: bool
    accuracy: Estimate
    macro_precision: Estimate
    macro_recall: Estimate
    macro_f1: Estimate
    recall: tuple[Estimate, ...]
    calibration_error: Estimate
    drops: tuple[Estimate, ...]
    translation_consistency: Estimate
    latency_ms: float
    size_bytes: int


@dataclass(frozen=True, eq=False)
class Measured:
    """A measurement with its evidence; ``correct`` [n], bool, marks the images classified correctly."""

    measurement: Measurement
    evidence: Evidence
    correct: NDArray[np.bool_]


def measure(bundle: Bundle, data: Dataset, facts: DataFacts, policy: Policy) -> Measured:
    """Predict every image, as it is and corrupted, and time single ones."""
    predictor = Predictor(bundle)
    latency = _latency_ms(predictor.predict, data.images[:1])
    predictions, unusable = checked(predict_all(predictor, data.images), data.labels)
    effects, consistency = _robustness(predictor, data, predictions)
    scores = score(predictions, data.labels)
    correct = predictions.argmax(axis=1) == data.labels
    precision, recall, f1 = macro_intervals(scores.confusion)
    measurement = Measurement(
        golden_sample_differs=len(predictor.differences_from_golden_sample()),
        classes=bundle.metadata.classes,
        unusable=unusable,
        images=len(data),
        commits_ahead=facts.commits_ahead,
        shared_images=facts.shared_images,
        synthetic=facts.synthetic,
        accuracy=proportion(int(correct.sum()), len(data)),
        macro_precision=Estimate(scores.macro_precision, precision),
        macro_recall=Estimate(scores.macro_recall, recall),
        macro_f1=Estimate(scores.macro_f1, f1),
        recall=tuple(
            proportion(int(row[number]), int(row.sum())) for number, row in enumerate(scores.confusion)
        ),
        calibration_error=calibration_error(predictions, data.labels),
        drops=tuple(Estimate(effect.drop, effect.uncertainty) for effect in effects),
        translation_consistency=consistency,
        latency_ms=latency,
        size_bytes=bundle.onnx.stat().st_size,
    )
    evidence = Evidence(
        rules=(),
        classes=class_table(scores),
        confusion=tuple(tuple(row) for row in scores.confusion.tolist()),
        reliability=reliability(predictions, data.labels),
        expected_calibration_error=measurement.calibration_error.value,
        corruptions=effects,
        errors=most_confident_errors(predictions, data.labels),
        champion=None,
        best=None,
        policy=policy.model_dump(),
        named_right=packed(correct),
        groups=GroupScores(scores.groups_accuracy, scores.groups_macro_f1, scores.group_accuracy),
    )
    return Measured(measurement, evidence, correct)


def predict_all(predictor: Predictor, images: Images) -> Predictions:
    """Every image's prediction, float32 [n, 10]; one thread of the model per core."""
    chunks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return np.concatenate(list(threads.map(predictor.predict, chunks)))


def checked(predictions: Predictions, labels: Labels) -> tuple[Predictions, int]:
    """The predictions with unusable ones made wrong, so that no score profits from them; their number.

    A usable prediction is ten finite probabilities, 0-1, that sum to 1.
    """
    wrong = np.eye(len(CLASSES), dtype=np.float32)[(labels + 1) % len(CLASSES)]
    if predictions.shape != wrong.shape:
        return wrong, len(labels)
    within = ((predictions >= 0) & (predictions <= 1 + _SUM_TOLERANCE)).all(axis=1)
    usable = within & (np.abs(predictions.sum(axis=1) - 1) <= _SUM_TOLERANCE)
    return np.where(usable[:, None], predictions, wrong), int((~usable).sum())


def calibration_error(predictions: Predictions, labels: Labels) -> Estimate:
    """The expected calibration error, 0-1: a bin's |confidence - accuracy|, averaged over the images."""
    confidence, correct, bins = binned(predictions, labels)
    gap = confidence - correct
    sums = np.bincount(bins, gap, minlength=BINS)
    resampled = np.abs(resampled_sums(gap, bins, BINS)).sum(axis=1) / len(labels)
    return Estimate(float(np.abs(sums).sum() / len(labels)), percentiles(resampled))


def macro_intervals(confusion: NDArray[np.int64]) -> tuple[Interval, Interval, Interval]:
    """Those of macro precision, recall and F1, by resampling the test images."""
    tables = resampled_counts(confusion).astype(np.float64)
    hits = np.diagonal(tables, axis1=1, axis2=2)
    truth, predicted = np.maximum(tables.sum(axis=2), 1), np.maximum(tables.sum(axis=1), 1)
    values = (hits / predicted, hits / truth, 2 * hits / (truth + predicted))
    precision, recall, f1 = (percentiles(value.mean(axis=1)) for value in values)
    return precision, recall, f1


def _latency_ms(predict: Callable[[Images], Predictions], image: Images) -> float:
    """Lowest of five median latencies, in ms, so that other load does not count."""
    medians = []
    for _ in range(_ROUNDS):
        times = []
        for _ in range(_CALLS):
            start = time.perf_counter()
            predict(image)
            times.append(time.perf_counter() - start)
        medians.append(float(np.median(times)))
    return min(medians) * 1000


def _robustness(
    predictor: Predictor, data: Dataset, predictions: Predictions
) -> tuple[tuple[CorruptionEffect, ...], Estimate]:
    """Effects of corruptions on the accuracy, and the translation consistency."""
    rows = np.linspace(0, len(data) - 1, min(len(data), _CORRUPTED)).astype(np.intp)
    images, labels, predicted = data.images[rows], data.labels[rows], predictions[rows].argmax(axis=1)

    def predicted_from(changed: Images) -> NDArray[np.intp]:
        classes: NDArray[np.intp] = checked(predict_all(predictor, changed), labels)[0].argmax(axis=1)
        return classes

    effects = [
        _effect(name, predicted == labels, predicted_from(corrupt(images)) == labels)
        for name, corrupt in CORRUPTIONS.items()
    ]
    same = predicted_from(moved_by_one_pixel(images)) == predicted
    return tuple(effects), proportion(int(same.sum()), len(rows))


def _effect(name: str, before: NDArray[np.bool_], after: NDArray[np.bool_]) -> CorruptionEffect:
    drop = paired_difference(int((before & ~after).sum()), int((after & ~before).sum()), len(before))
    assert drop.uncertainty is not None
    return CorruptionEffect(name, float(after.mean()), drop.value, drop.uncertainty)
