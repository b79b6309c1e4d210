import numpy as np
import pytest

from fmnist.core.dataset import Dataset
from fmnist.data.quality import inspect
from fmnist.errors import DataError
from tests.support.drawing import some_data


def test_it_counts_images_classes_and_duplicates() -> None:
    data = some_data(12)
    again = Dataset(
        np.concatenate([data.images, data.images[:3]]), np.concatenate([data.labels, data.labels[:3]])
    )
    inspection = inspect(again)
    assert (inspection.images, inspection.duplicates) == (15, 3)
    assert inspection.per_class["T-shirt/top"] == 3
    assert inspection.per_class["Ankle boot"] == 1
    assert inspection.missing_classes == ()


def test_it_names_the_classes_without_images() -> None:
    assert inspect(some_data(8)).missing_classes == ("Bag", "Ankle boot")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8), "empty"),
        (np.zeros((2, 28, 28), np.float32), np.zeros(2, np.uint8), "images are float32"),
        (np.zeros((2, 784), np.uint8), np.zeros(2, np.uint8), r"\[2, 784\], expected uint8 \[n, 28, 28\]"),
        (
            np.zeros((2, 28, 28), np.uint8),
            np.zeros(3, np.uint8),
            r"labels are uint8 \[3\], expected uint8 \[2\]",
        ),
        (np.zeros((2, 28, 28), np.uint8), np.array([1, 10], np.uint8), "label 10"),
    ],
)
def test_it_refuses_what_is_no_data_set(images: np.ndarray, labels: np.ndarray, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(DataError, match=message):
        inspect(Dataset(images, labels))
