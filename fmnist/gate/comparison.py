"""Comparison with earlier versions: the champion, and the best that ever was champion."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Dataset, Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.predictor import Predictor
from fmnist.core.provenance import DataReference
from fmnist.errors import IntegrityError, NotFoundError
from fmnist.gate.evidence import Comparison, read_evidence, unpacked
from fmnist.gate.measure import checked, predict_all
from fmnist.gate.signing import Key, signed_result
from fmnist.gate.verdict import GateResult
from fmnist.registry.base import Champions, ModelRegistry, ModelVersion, find, of_bundle

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EarlierVersions:
    """The versions that a candidate is compared with, and which test images they classify correctly.

    Attributes:
        champions: by the promotion log.
        data: the test data that ``dataset`` was read from.
        key: whose verdicts are believed; with None, every version predicts the images.
        bundle_of: downloads a version's bundle.
    """

    registry: ModelRegistry
    model: str
    champions: Champions
    data: DataReference
    dataset: Dataset
    key: Key | None
    bundle_of: Callable[[ModelVersion], Bundle]
    _correct: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def champion(self) -> ModelVersion | None:
        """The version in service; None before the first promotion.

        Raises:
            NotFoundError: the registry no longer has it.
        """
        if self.champions.current is None:
            return None
        try:
            return find(self.registry, self.model, self.champions.current)
        except NotFoundError as error:
            raise NotFoundError(
                f"the champion of {self.model} no longer exists, so nothing can be compared with it "
                f"({error}); promote another version, or roll back"
            ) from error

    def best(self) -> ModelVersion | None:
        """The most accurate of all that ever were champion and still exist; the earliest of equals.

        Accuracies are those of signed verdicts, else measured on this test data. After a change of the
        test data the choice is a guess, but the comparison is not: it is about the same images.
        """
        versions = self.registry.versions(self.model)
        found = (of_bundle(versions, sha256) for sha256 in self.champions.promoted)
        promoted = sorted((version for version in found if version), key=lambda version: version.number)
        return max(promoted, key=self._accuracy, default=None)

    def compared(self, candidate: NDArray[np.bool_], earlier: ModelVersion | None) -> Comparison | None:
        """The candidate, which classifies the images ``candidate`` [n] correctly, against an earlier version.

        Raises:
            IntegrityError: the earlier version's bundle is damaged.
        """
        if earlier is None:
            return None
        return compare(earlier.number, self.correct(earlier), candidate, self.dataset.labels)

    def correct(self, version: ModelVersion) -> NDArray[np.bool_]:
        """Which images the version classifies correctly, [n]: as its own gate found, else predicted."""
        sha256 = version.bundle_sha256
        if sha256 not in self._correct:
            known = self._known(version)
            self._correct[sha256] = (
                classified_correctly(self.bundle_of(version), self.dataset) if known is None else known
            )
        return self._correct[sha256]

    def _known(self, version: ModelVersion) -> NDArray[np.bool_] | None:
        """None if no verdict that the key signed on the same data has it, as those of an early fmnist."""
        result = self._signed(version)
        if result is None or result.test_data != self.data:
            return None
        try:
            evidence = read_evidence(self.registry, version, result.evidence_sha256)
        except (IntegrityError, NotFoundError):
            return None
        return unpacked(evidence.named_right, len(self.dataset))

    def _accuracy(self, version: ModelVersion) -> float:
        result = self._signed(version)
        if result:
            return result.accuracy
        try:
            return float(self.correct(version).mean())
        except (IntegrityError, NotFoundError) as error:
            _log.warning("version %s is left out of the comparison: %s", version.number, error)
            return -1.0

    def _signed(self, version: ModelVersion) -> GateResult | None:
        try:
            return signed_result(version, self.key) if self.key else None
        except IntegrityError:
            return None


def classified_correctly(bundle: Bundle, data: Dataset) -> NDArray[np.bool_]:
    """Which images an earlier version classifies correctly, [n]."""
    predictions, _ = checked(predict_all(Predictor(bundle), data.images), data.labels)
    correct: NDArray[np.bool_] = predictions.argmax(axis=1) == data.labels
    return correct


def compare(
    number: int, earlier: NDArray[np.bool_], candidate: NDArray[np.bool_], labels: Labels
) -> Comparison:
    """The candidate against the earlier version ``number``, by the images each classifies correctly, [n]."""
    return Comparison(
        version=number,
        accuracy=float(earlier.mean()),
        images=len(labels),
        lost=int((earlier & ~candidate).sum()),
        gained=int((candidate & ~earlier).sum()),
        recall=tuple(float(earlier[labels == label].mean()) for label in range(len(CLASSES))),
    )
