from pathlib import Path

import numpy as np
import pytest

from fmnist.core.dataset import Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.metrics import score
from fmnist.files.documents import parse_record
from fmnist.gate.evidence import (
    Evidence,
    Predictions,
    class_table,
    most_confident_errors,
    reliability,
    to_bytes,
    unpacked,
)
from fmnist.gate.measure import calibration_error


def _predictions(confidence: float, images: int, right: int) -> tuple[Predictions, Labels]:
    """Predictions of one confidence, the first ``right`` of which are correct."""
    labels = (np.arange(images) % 10).astype(np.uint8)
    named = np.where(np.arange(images) < right, labels, (labels + 1) % 10)
    predictions = np.full((images, 10), (1 - confidence) / 9, np.float32)
    predictions[np.arange(images), named] = confidence
    return predictions, labels


def test_predictions_as_confident_as_they_are_accurate_have_no_error() -> None:
    estimate = calibration_error(*_predictions(0.8, 1000, 800))
    assert estimate.value == pytest.approx(0, abs=1e-6)
    assert estimate.uncertainty is not None
    assert 0 <= estimate.uncertainty.low < estimate.uncertainty.high < 0.04


def test_the_error_is_the_gap_and_the_same_again() -> None:
    predictions, labels = _predictions(0.9, 1000, 700)
    estimate = calibration_error(predictions, labels)
    assert estimate.value == pytest.approx(0.2, abs=1e-6)
    assert estimate.uncertainty is not None
    assert 0.16 < estimate.uncertainty.low < 0.2 < estimate.uncertainty.high < 0.24
    assert calibration_error(predictions, labels) == estimate


def test_the_reliability_diagram_holds_every_image_once() -> None:
    random = np.random.default_rng(0)
    predictions = random.dirichlet(np.full(10, 0.3), 500).astype(np.float32)
    labels = random.integers(0, 10, 500).astype(np.uint8)
    bins = reliability(predictions, labels)
    assert sum(bin_.images for bin_ in bins) == 500
    assert (bins[0].low, bins[-1].high) == (0, 1)
    assert all(bin_.low < bin_.confidence <= bin_.high + 1e-6 for bin_ in bins if bin_.images)
    assert all((bin_.confidence, bin_.accuracy) == (0, 0) for bin_ in bins if not bin_.images)
    weighted = sum(bin_.images * abs(bin_.confidence - bin_.accuracy) for bin_ in bins) / 500
    assert calibration_error(predictions, labels).value == pytest.approx(weighted)


@pytest.mark.parametrize(("confidence", "bin_number"), [(1.0, 14), (14 / 15 + 1e-4, 14), (0.5, 7), (0.11, 1)])
def test_edges_belong_to_a_bin(confidence: float, bin_number: int) -> None:
    (filled,) = [
        number for number, bin_ in enumerate(reliability(*_predictions(confidence, 10, 10))) if bin_.images
    ]
    assert filled == bin_number


def test_the_most_confident_errors_come_first_and_are_not_too_many() -> None:
    sure, labels = _predictions(0.9, 200, 100)
    sure[150], sure[150, (labels[150] + 2) % 10] = 0.01, 0.91
    errors = most_confident_errors(sure, labels)
    assert len(errors) == 60
    assert (errors[0].index, errors[0].truth, errors[0].answer) == (150, 0, 2)
    assert (errors[0].probability, errors[0].truth_probability) == pytest.approx((0.91, 0.01))
    assert all(error.index >= 100 and error.truth != error.answer for error in errors)


def test_the_class_table_agrees_with_the_scores() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 9, 400).astype(np.uint8)
    scores = score(random.dirichlet(np.full(10, 0.3), 400), labels)
    table = class_table(scores)
    assert tuple(row.name for row in table) == CLASSES
    assert sum(row.images for row in table) == 400
    assert tuple(row.recall for row in table) == pytest.approx(scores.recall)
    assert np.mean([row.precision for row in table]) == pytest.approx(scores.macro_precision)
    assert np.mean([row.f1 for row in table]) == pytest.approx(scores.macro_f1)
    assert (table[9].images, table[9].recall) == (0, 0)


def test_evidence_of_an_earlier_fmnist_is_read() -> None:
    kept = (Path(__file__).parent / "samples" / "evidence.json").read_bytes()
    evidence = parse_record(kept, Evidence, "here", 1)
    assert evidence.champion is not None
    assert evidence.champion.lost > 0
    assert len(evidence.rules) == 32
    assert unpacked(evidence.named_right, 120) is not None
    assert to_bytes(evidence) == kept
