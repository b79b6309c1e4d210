"""The tables and samples behind a verdict, kept beside the bundle for the report and later gates."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.metrics import Scores
from fmnist.errors import IntegrityError
from fmnist.files.documents import parse_record
from fmnist.gate.verdict import Interval, Rule
from fmnist.registry.base import ModelRegistry, ModelVersion

Predictions = NDArray[np.float32]
"""Probabilities 0-1 by image and class, [n, 10]."""

BINS = 15
_SCHEMA = 1
_MAX_ERRORS = 60


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class, 0-1; ``images`` counts the test images that truly belong to it."""

    name: str
    images: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class GroupScores:
    """Scores of the classification into the retailers' five groups, 0-1.

    Attributes:
        accuracy: over all images.
        macro_f1: plain mean over the groups.
        by_group: accuracy by name.
    """

    accuracy: float
    macro_f1: float
    by_group: Mapping[str, float]


@dataclass(frozen=True)
class ReliabilityBin:
    """The test images whose prediction has a probability in (``low``, ``high``].

    Attributes:
        confidence: mean probability, 0-1; 0 where ``images`` is 0.
        accuracy: share classified correctly, 0-1; 0 where ``images`` is 0.
    """

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class CorruptionEffect:
    """Accuracy under one corruption, 0-1, and its drop from the accuracy without, with its interval."""

    name: str
    accuracy: float
    drop: float
    uncertainty: Interval


@dataclass(frozen=True)
class SampleError:
    """A misclassified test image.

    Attributes:
        index: its row in the test set.
        truth: number of its class.
        answer: number of the predicted class.
        probability: of the predicted class, 0-1.
        truth_probability: of its class, 0-1.
    """

    index: int
    truth: int
    answer: int
    probability: float
    truth_probability: float


@dataclass(frozen=True)
class Comparison:
    """Candidate against an earlier version on the same test images.

    Attributes:
        version: number of the earlier version.
        accuracy: of the earlier version, 0-1.
        lost: images that only the earlier version classifies correctly.
        gained: images that only the candidate classifies correctly.
        recall: of the earlier version by class number, 0-1.
    """

    version: int
    accuracy: float
    images: int
    lost: int
    gained: int
    recall: tuple[float, ...]


@dataclass(frozen=True)
class Evidence:
    """Everything the report shows of a gate's run.

    Attributes:
        rules: the whole verdict; empty before there is one.
        confusion: counts of images, [10, 10], rows the truth.
        expected_calibration_error: 0-1.
        errors: misclassified images, most confident first.
        champion: comparison with the version in service; None if there was none.
        best: comparison with the best version ever promoted; None if there was none.
        policy: values of gate.yaml.
        named_right: which test images are classified correctly: a bit per image, the first the highest
            of its byte, as base64; empty if not kept.
        groups: the five groups; None of an fmnist that did not score them.
    """

    rules: tuple[Rule, ...]
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[ReliabilityBin, ...]
    expected_calibration_error: float
    corruptions: tuple[CorruptionEffect, ...]
    errors: tuple[SampleError, ...]
    champion: Comparison | None
    best: Comparison | None
    policy: Mapping[str, Any]
    named_right: str = ""
    groups: GroupScores | None = None

    def document(self) -> dict[str, Any]:
        """The JSON document, for storage and for reports."""
        document = {"schema_version": _SCHEMA, **asdict(self)}
        if self.groups is None:
            del document["groups"]
        return document


def to_bytes(evidence: Evidence) -> bytes:
    """The document as it is stored: equal evidence gives equal bytes."""
    return json.dumps(evidence.document(), sort_keys=True, allow_nan=False).encode() + b"\n"


def read_evidence(registry: ModelRegistry, version: ModelVersion, sha256: str) -> Evidence:
    """The evidence that a version's verdict names.

    Raises:
        NotFoundError: it is not kept with this version.
        IntegrityError: it is not what was attached, or no evidence.
    """
    content = registry.attachment(version, sha256)
    where = f"version {version.number} of {version.model}, attachment {sha256}"
    try:
        return parse_record(content, Evidence, where, _SCHEMA)
    except IntegrityError as error:
        raise IntegrityError(f"{error}; run the gate again") from error


def packed(correct: NDArray[np.bool_]) -> str:
    """One bit for each image as base64."""
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def unpacked(text: str, images: int) -> NDArray[np.bool_] | None:
    """The bits of so many ``images``; None if the text holds another number, or no bits."""
    try:
        bits = np.frombuffer(base64.b64decode(text), np.uint8)
    except ValueError:
        return None
    return np.unpackbits(bits, count=images).astype(np.bool_) if len(bits) == -(-images // 8) else None


def class_table(scores: Scores) -> tuple[ClassScores, ...]:
    """One row per class."""
    images = scores.confusion.sum(axis=1).tolist()
    rows = zip(CLASSES, images, scores.precision, scores.recall, scores.f1, strict=True)
    return tuple(ClassScores(*row) for row in rows)


def reliability(predictions: Predictions, labels: Labels) -> tuple[ReliabilityBin, ...]:
    """Fifteen equal bins of the predictions' confidence.

    sklearn.calibration.calibration_curve leaves out empty bins, the counts, and which bins it kept.
    """
    confidence, correct, bins = binned(predictions, labels)
    return tuple(
        ReliabilityBin(
            low=index / BINS,
            high=(index + 1) / BINS,
            images=int(chosen.sum()),
            confidence=float(confidence[chosen].mean()) if chosen.any() else 0.0,
            accuracy=float(correct[chosen].mean()) if chosen.any() else 0.0,
        )
        for index in range(BINS)
        for chosen in [bins == index]
    )


def binned(
    predictions: Predictions, labels: Labels
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Each image's confidence 0-1, whether it is classified correctly, and its bin 0-14; all [n].

    A bin includes its upper edge.
    """
    confidence = predictions.max(axis=1).astype(np.float64)
    correct = predictions.argmax(axis=1) == labels
    return confidence, correct, np.digitize(confidence, np.arange(1, BINS) / BINS, right=True)


def most_confident_errors(predictions: Predictions, labels: Labels) -> tuple[SampleError, ...]:
    """The wrong predictions of the highest probability, at most sixty, by falling probability."""
    wrong = np.flatnonzero(predictions.argmax(axis=1) != labels)
    order = np.argsort(-predictions[wrong].max(axis=1), kind="stable")[:_MAX_ERRORS]
    return tuple(
        SampleError(
            index=int(row),
            truth=int(labels[row]),
            answer=int(predictions[row].argmax()),
            probability=float(predictions[row].max()),
            truth_probability=float(predictions[row, labels[row]]),
        )
        for row in wrong[order]
    )
