from pathlib import Path

import numpy as np
import pytest

from fmnist.core.metrics import score
from fmnist.core.predictor import Predictor
from fmnist.gate.evidence import Predictions
from fmnist.gate.measure import checked, predict_all
from tests.support.blocks import block_images
from tests.support.bundles import make_bundle

_LABELS = np.arange(10, dtype=np.uint8)


def _right() -> Predictions:
    return np.eye(10, dtype=np.float32)


def test_predictions_come_in_the_order_of_the_images(tmp_path: Path) -> None:
    predictor = Predictor(make_bundle(tmp_path / "bundle"))
    images = block_images(per_class=70).images
    assert np.array_equal(predict_all(predictor, images), predictor.predict(images))


def test_usable_predictions_stay_as_they_are() -> None:
    predictions, unusable = checked(_right(), _LABELS)
    assert unusable == 0
    assert np.array_equal(predictions, _right())


@pytest.mark.parametrize(
    "row",
    [[np.nan] * 10, [np.inf] + [0] * 9, [1, 1] + [0] * 8, [0] * 10, [2, -1] + [0] * 8, [0.9] + [0] * 9],
)
def test_an_unusable_prediction_is_counted_and_never_right(row: list[float]) -> None:
    for label in range(10):
        predictions = _right()
        predictions[label] = row
        mended, unusable = checked(predictions, _LABELS)
        assert unusable == 1
        assert score(mended, _LABELS).accuracy == 0.9


def test_predictions_of_another_shape_are_all_unusable() -> None:
    mended, unusable = checked(np.full((10, 3), 1 / 3, np.float32), _LABELS)
    assert unusable == 10
    assert score(mended, _LABELS).accuracy == 0
