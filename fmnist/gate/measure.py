"""Measuring a model version: its very ``model.onnx`` on the versioned test images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist.core.bundle import METADATA_FILE, Bundle
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.metrics import score
from fmnist.core.predictor import Predictor
from fmnist.files.atomic import sha256_of
from fmnist.gate.answers import Answers, answers_to, checked, latency_ms
from fmnist.gate.cached import packed
from fmnist.gate.corruptions import CORRUPTIONS, moved_by_one_pixel
from fmnist.gate.evidence import Comparison, CorruptionEffect, Evidence
from fmnist.gate.measurement import Estimate, Measurement
from fmnist.gate.policy import Policy
from fmnist.gate.statistics import paired_difference, percentiles, proportion, resampled_counts
from fmnist.gate.tables import calibration_error, class_table, reliability, surest_errors
from fmnist.gate.test_data import DataFacts
from fmnist.gate.verdict import Interval

_CORRUPTED = 2500
"""Of so many images, spread evenly, corrupted copies are made: five times all would double the time."""


@dataclass(frozen=True, eq=False)
class Measured:
    """``right`` [n], bool, tells which test images were named right."""

    measurement: Measurement
    evidence: Evidence
    right: NDArray[np.bool_]


def measure(bundle: Bundle, registered: str, data: Dataset, facts: DataFacts, policy: Policy) -> Measured:
    """Put every image to the model, as it is and corrupted, and time single ones.

    ``registered`` is the bundle's SHA-256 in the registry.
    """
    predictor = Predictor(bundle)
    latency = latency_ms(predictor.predict, data.images[:1])
    answers, unusable = checked(answers_to(predictor, data.images), data.labels)
    effects, steadiness = _behaviour(predictor, data, answers)
    scores = score(answers, data.labels)
    right = answers.argmax(axis=1) == data.labels
    precision, recall, f1 = _macro_intervals(scores.confusion)
    measurement = Measurement(
        altered_files=_altered_files(bundle, registered),
        classes=bundle.metadata.classes,
        unusable=unusable,
        images=len(data),
        commits_ahead=facts.commits_ahead,
        shared_images=facts.shared_images,
        synthetic=facts.synthetic,
        accuracy=proportion(int(right.sum()), len(data)),
        macro_precision=Estimate(scores.macro_precision, precision),
        macro_recall=Estimate(scores.macro_recall, recall),
        macro_f1=Estimate(scores.macro_f1, f1),
        recall=tuple(
            proportion(int(row[number]), int(row.sum())) for number, row in enumerate(scores.confusion)
        ),
        calibration_error=calibration_error(answers, data.labels),
        drops=tuple(Estimate(effect.drop, effect.uncertainty) for effect in effects),
        steadiness=steadiness,
        latency_ms=latency,
        size_bytes=bundle.onnx.stat().st_size,
    )
    evidence = Evidence(
        rules=(),
        classes=class_table(scores.confusion),
        confusion=tuple(tuple(row) for row in scores.confusion.tolist()),
        reliability=reliability(answers, data.labels),
        expected_calibration_error=measurement.calibration_error.value,
        corruptions=effects,
        errors=surest_errors(answers, data.labels),
        champion=None,
        best=None,
        policy=policy.model_dump(),
        named_right=packed(right),
    )
    return Measured(measurement, evidence, right)


def named_right(bundle: Bundle, data: Dataset) -> NDArray[np.bool_]:
    """Put every image to an earlier version, too: which it names right, [n]."""
    answers, _ = checked(answers_to(Predictor(bundle), data.images), data.labels)
    right: NDArray[np.bool_] = answers.argmax(axis=1) == data.labels
    return right


def compare(number: int, right: NDArray[np.bool_], candidate: Measured, data: Dataset) -> Comparison:
    """The candidate against the earlier version ``number``, which names those of the images ``right``."""
    return Comparison(
        version=number,
        accuracy=float(right.mean()),
        images=len(data),
        lost=int((right & ~candidate.right).sum()),
        gained=int((candidate.right & ~right).sum()),
        recall=tuple(float(right[data.labels == label].mean()) for label in range(len(CLASSES))),
    )


def _altered_files(bundle: Bundle, registered: str) -> int:
    expected = {**bundle.metadata.files, METADATA_FILE: registered}
    return sum(sha256_of(bundle.folder / name) != sha256 for name, sha256 in expected.items())


def _behaviour(
    predictor: Predictor, data: Dataset, answers: Answers
) -> tuple[tuple[CorruptionEffect, ...], Estimate]:
    """What corruptions do to the accuracy, and the share of answers that a step of a pixel leaves."""
    rows = np.linspace(0, len(data) - 1, min(len(data), _CORRUPTED)).astype(np.intp)
    images, labels, answered = data.images[rows], data.labels[rows], answers[rows].argmax(axis=1)
    right = answered == labels
    effects = []
    for name, corrupt in CORRUPTIONS.items():
        still, _ = checked(answers_to(predictor, corrupt(images)), labels)
        effects.append(_effect(name, right, still.argmax(axis=1) == labels))
    moved, _ = checked(answers_to(predictor, moved_by_one_pixel(images)), labels)
    return tuple(effects), proportion(int((moved.argmax(axis=1) == answered).sum()), len(rows))


def _effect(name: str, right: NDArray[np.bool_], still: NDArray[np.bool_]) -> CorruptionEffect:
    drop = paired_difference(int((right & ~still).sum()), int((still & ~right).sum()), len(right))
    assert drop.uncertainty is not None
    return CorruptionEffect(name, float(still.mean()), drop.value, drop.uncertainty)


def _macro_intervals(confusion: NDArray[np.int64]) -> tuple[Interval, Interval, Interval]:
    """Those of macro precision, recall and F1, from redrawing the test images."""
    tables = resampled_counts(confusion).astype(np.float64)
    hits = np.diagonal(tables, axis1=1, axis2=2)
    truly, named = np.maximum(tables.sum(axis=2), 1), np.maximum(tables.sum(axis=1), 1)
    values = (hits / named, hits / truly, 2 * hits / (truly + named))
    precision, recall, f1 = (percentiles(value.mean(axis=1)) for value in values)
    return precision, recall, f1
