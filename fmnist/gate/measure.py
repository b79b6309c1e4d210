"""Measuring a model version: its very ``model.onnx`` on the versioned test images."""

import time
from collections.abc import Callable

import numpy as np

from fmnist.bundle import Bundle
from fmnist.data.base import Commit, DataStore
from fmnist.data.dataset import Dataset, Images, Labels
from fmnist.data.formats import read_dataset
from fmnist.data.validation import inspect
from fmnist.errors import DataError
from fmnist.fashion_mnist import CLASSES
from fmnist.gate.evidence import Evidence
from fmnist.gate.measurement import Measurement
from fmnist.gate.policy import Policy
from fmnist.gate.tables import (
    Answers,
    class_table,
    expected_calibration_error,
    reliability,
    surest_errors,
)
from fmnist.metrics import score
from fmnist.predictor import Predictor

_BATCH = 500
_SUM_TOLERANCE = 1e-3
_ROUNDS = 5
_CALLS = 40


def read_test_data(store: DataStore, commit: Commit) -> Dataset:
    """The commit's images and labels.

    Raises:
        DataError: they cannot be read, or a class has no image, so that it could not be judged.
        IntegrityError: the stored bytes are not those of the commit.
    """
    dataset = read_dataset({file.name: store.read(commit, file.name) for file in commit.files})
    if missing := inspect(dataset).missing_classes:
        raise DataError(f"{commit.repo}@{commit.id}: no test image of {', '.join(missing)}")
    return dataset


def measure(bundle: Bundle, data: Dataset, policy: Policy) -> tuple[Measurement, Evidence]:
    """Put every image to the model, then time single ones."""
    predict = Predictor(bundle).predict
    answers, unusable = checked(_answers(predict, data.images), data.labels)
    scores = score(answers, data.labels)
    measurement = Measurement(
        classes=bundle.metadata.classes,
        images=len(data),
        unusable=unusable,
        accuracy=scores.accuracy,
        macro_f1=scores.macro_f1,
        recall=scores.recall,
        latency_ms=_latency_ms(predict, data.images[:1]),
        size_bytes=bundle.onnx.stat().st_size,
    )
    bins = reliability(answers, data.labels)
    return measurement, Evidence(
        classes=class_table(scores.confusion),
        confusion=tuple(tuple(row) for row in scores.confusion.tolist()),
        reliability=bins,
        expected_calibration_error=expected_calibration_error(bins),
        corruptions=(),
        errors=surest_errors(answers, data.labels),
        champion=None,
        best=None,
        policy=policy.model_dump(),
    )


def checked(answers: Answers, labels: Labels) -> tuple[Answers, int]:
    """The answers with unusable ones made wrong, so that no score profits from them; and their number.

    Usable is an answer of ten finite shares, 0-1, that sum to 1.
    """
    wrong = np.eye(len(CLASSES), dtype=np.float32)[(labels + 1) % len(CLASSES)]
    if answers.shape != wrong.shape:
        return wrong, len(labels)
    within = ((answers >= 0) & (answers <= 1 + _SUM_TOLERANCE)).all(axis=1)
    usable = within & (np.abs(answers.sum(axis=1) - 1) <= _SUM_TOLERANCE)
    return np.where(usable[:, None], answers, wrong), int((~usable).sum())


def _answers(predict: Callable[[Images], Answers], images: Images) -> Answers:
    return np.concatenate(
        [predict(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
    )


def _latency_ms(predict: Callable[[Images], Answers], image: Images) -> float:
    """Median of the calmest round, in milliseconds: what else the machine does should not decide."""
    medians = []
    for _ in range(_ROUNDS):
        times = []
        for _ in range(_CALLS):
            start = time.perf_counter()
            predict(image)
            times.append(time.perf_counter() - start)
        medians.append(float(np.median(times)))
    return min(medians) * 1000
