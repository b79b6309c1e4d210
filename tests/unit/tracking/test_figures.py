import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fmnist.core.dataset import Dataset
from fmnist.tracking.figures import confusion_matrix, samples, worst_errors


def test_confusion_matrix_is_a_png_that_shows_the_counts() -> None:
    blank, diagonal = (
        np.asarray(Image.open(io.BytesIO(confusion_matrix(counts, "title"))))
        for counts in (np.zeros((10, 10), np.int64), np.eye(10, dtype=np.int64) * 600)
    )
    assert blank.shape == diagonal.shape == (720, 720, 4)
    assert (blank != diagonal).any(axis=2).mean() > 0.05


def picture(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def test_samples_are_a_sheet() -> None:
    black, white = (
        picture(samples(Dataset(np.full((12, 28, 28), value, np.uint8), np.zeros(12, np.uint8))))
        for value in (0, 255)
    )
    assert black.shape == white.shape
    assert (black != white).sum() == 12 * 112 * 112


def test_worst_errors_shows_the_worst_first_and_nothing_that_is_right() -> None:
    images = np.repeat(np.array([50, 100, 150], np.uint8), 784).reshape(3, 28, 28)
    probabilities = np.full((3, 10), 0.02, np.float32)
    probabilities[[0, 1, 2], [3, 3, 3]] = 0.8
    probabilities[2, 1] = 0.01
    sheet = picture(worst_errors(Dataset(images, np.array([0, 3, 1], np.uint8)), probabilities))
    assert (sheet[20, 20], sheet[20, 142]) == (150, 50)
    assert not (sheet == 100).any()
