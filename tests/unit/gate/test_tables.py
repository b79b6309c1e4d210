import numpy as np
import pytest

from fmnist.core.dataset import Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.metrics import score
from fmnist.gate.answers import Answers
from fmnist.gate.tables import calibration_error, class_table, reliability, surest_errors


def _answers(confidence: float, images: int, right: int) -> tuple[Answers, Labels]:
    """As many answers of one confidence, the first ``right`` of which are right."""
    labels = (np.arange(images) % 10).astype(np.uint8)
    named = np.where(np.arange(images) < right, labels, (labels + 1) % 10)
    answers = np.full((images, 10), (1 - confidence) / 9, np.float32)
    answers[np.arange(images), named] = confidence
    return answers, labels


def test_answers_as_sure_as_they_are_right_have_no_error() -> None:
    estimate = calibration_error(*_answers(0.8, 1000, 800))
    assert estimate.value == pytest.approx(0, abs=1e-6)
    assert estimate.uncertainty is not None
    assert 0 <= estimate.uncertainty.low < estimate.uncertainty.high < 0.04


def test_the_error_is_the_gap_and_the_same_again() -> None:
    answers, labels = _answers(0.9, 1000, 700)
    estimate = calibration_error(answers, labels)
    assert estimate.value == pytest.approx(0.2, abs=1e-6)
    assert estimate.uncertainty is not None
    assert 0.16 < estimate.uncertainty.low < 0.2 < estimate.uncertainty.high < 0.24
    assert calibration_error(answers, labels) == estimate


def test_the_reliability_diagram_holds_every_image_once() -> None:
    random = np.random.default_rng(0)
    answers = random.dirichlet(np.full(10, 0.3), 500).astype(np.float32)
    labels = random.integers(0, 10, 500).astype(np.uint8)
    bins = reliability(answers, labels)
    assert sum(one.images for one in bins) == 500
    assert (bins[0].low, bins[-1].high) == (0, 1)
    assert all(one.low < one.confidence <= one.high + 1e-6 for one in bins if one.images)
    assert all((one.confidence, one.accuracy) == (0, 0) for one in bins if not one.images)
    weighted = sum(one.images * abs(one.confidence - one.accuracy) for one in bins) / 500
    assert calibration_error(answers, labels).value == pytest.approx(weighted)


@pytest.mark.parametrize(("confidence", "bin_number"), [(1.0, 14), (14 / 15 + 1e-4, 14), (0.5, 7), (0.11, 1)])
def test_edges_belong_to_a_bin(confidence: float, bin_number: int) -> None:
    (filled,) = [
        number for number, one in enumerate(reliability(*_answers(confidence, 10, 10))) if one.images
    ]
    assert filled == bin_number


def test_the_surest_wrong_answers_come_first_and_are_not_too_many() -> None:
    sure, labels = _answers(0.9, 200, 100)
    sure[150], sure[150, (labels[150] + 2) % 10] = 0.01, 0.91
    errors = surest_errors(sure, labels)
    assert len(errors) == 60
    assert (errors[0].index, errors[0].truth, errors[0].answer) == (150, 0, 2)
    assert (errors[0].probability, errors[0].truth_probability) == pytest.approx((0.91, 0.01))
    assert all(error.index >= 100 and error.truth != error.answer for error in errors)


def test_the_class_table_agrees_with_the_scores() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 9, 400).astype(np.uint8)
    scores = score(random.dirichlet(np.full(10, 0.3), 400), labels)
    table = class_table(scores.confusion)
    assert tuple(row.name for row in table) == CLASSES
    assert sum(row.images for row in table) == 400
    assert tuple(row.recall for row in table) == pytest.approx(scores.recall)
    assert np.mean([row.precision for row in table]) == pytest.approx(scores.macro_precision)
    assert np.mean([row.f1 for row in table]) == pytest.approx(scores.macro_f1)
    assert (table[9].images, table[9].recall) == (0, 0)
