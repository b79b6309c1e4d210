from pathlib import Path

import numpy as np
import pytest

from fmnist.data.dataset import Dataset
from fmnist.data.dvc import DvcStore
from fmnist.errors import DataError
from fmnist.fashion_mnist import CLASSES
from fmnist.gate.measure import checked, measure, read_test_data
from fmnist.gate.policy import read_policy
from fmnist.gate.tables import Answers
from fmnist.metrics import score
from fmnist.settings import PROJECT
from tests.support.blocks import block_images, block_weights, put_test_data
from tests.support.bundles import make_bundle

_POLICY = read_policy(PROJECT / "gate.yaml")
_LABELS = np.arange(10, dtype=np.uint8)


def _right() -> Answers:
    return np.eye(10, dtype=np.float32)


def test_a_model_that_knows_every_image(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", weights=block_weights())
    data = block_images(per_class=120)
    measured, _ = measure(bundle, data, _POLICY)
    assert (measured.accuracy, measured.macro_f1, measured.recall) == (1.0, 1.0, (1.0,) * 10)
    assert (measured.images, measured.unusable, measured.classes) == (1200, 0, CLASSES)
    assert measured.size_bytes == bundle.onnx.stat().st_size
    assert 0 < measured.latency_ms < 100


def test_a_model_that_always_says_the_same(tmp_path: Path) -> None:
    bundle = make_bundle(
        tmp_path / "bundle", weights=np.zeros((784, 10), np.float32), bias=-_LABELS.astype("f4")
    )
    measured, _ = measure(bundle, block_images(per_class=7), _POLICY)
    assert measured.accuracy == 0.1
    assert measured.recall == (1.0, *(0.0,) * 9)


def test_usable_answers_stay_as_they_are() -> None:
    answers, unusable = checked(_right(), _LABELS)
    assert unusable == 0
    assert np.array_equal(answers, _right())


@pytest.mark.parametrize(
    "row",
    [[np.nan] * 10, [np.inf] + [0] * 9, [1, 1] + [0] * 8, [0] * 10, [2, -1] + [0] * 8, [0.9] + [0] * 9],
)
def test_an_unusable_answer_is_counted_and_never_right(row: list[float]) -> None:
    for label in range(10):
        answers = _right()
        answers[label] = row
        mended, unusable = checked(answers, _LABELS)
        assert unusable == 1
        assert score(mended, _LABELS).accuracy == 0.9


def test_answers_of_another_shape_are_all_unusable() -> None:
    mended, unusable = checked(np.full((10, 3), 1 / 3, np.float32), _LABELS)
    assert unusable == 10
    assert score(mended, _LABELS).accuracy == 0


def test_test_data_come_from_the_store(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    data = block_images(per_class=3)
    read = read_test_data(store, put_test_data(store, data, tmp_path / "files"))
    assert np.array_equal(read.images, data.images)
    assert np.array_equal(read.labels, data.labels)


def test_a_class_without_a_test_image_cannot_be_judged(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    data = block_images(per_class=3)
    kept = data.labels != 6
    commit = put_test_data(store, Dataset(data.images[kept], data.labels[kept]), tmp_path / "files")
    with pytest.raises(DataError, match="no test image of Shirt"):
        read_test_data(store, commit)


def test_an_empty_test_set_is_an_error(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    nothing = Dataset(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))
    with pytest.raises(DataError):
        read_test_data(store, put_test_data(store, nothing, tmp_path / "files"))
