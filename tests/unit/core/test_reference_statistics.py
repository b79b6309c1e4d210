import numpy as np
import pytest

from fmnist.core.dataset import Dataset
from fmnist.core.reference_statistics import reference_statistics


def test_of_known_images() -> None:
    images = np.zeros((4, 28, 28), np.uint8)
    images[2:] = 255
    statistics = reference_statistics(Dataset(images, np.array([0, 0, 0, 9], np.uint8)))
    assert statistics.images == 4
    assert statistics.pixel_mean == 127.5
    assert statistics.pixel_std == 127.5
    assert statistics.pixel_histogram == (0.5, *[0.0] * 14, 0.5)
    assert statistics.class_share == (0.75, *[0.0] * 8, 0.25)
    assert statistics.mean_intensity_quantiles[0] == 0
    assert statistics.mean_intensity_quantiles[-1] == 255
    assert len(statistics.mean_intensity_quantiles) == 21


def test_agrees_with_numpy() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (50, 28, 28), np.uint8)
    labels = random.integers(0, 10, 50).astype(np.uint8)
    statistics = reference_statistics(Dataset(images, labels))
    assert statistics.pixel_mean == pytest.approx(images.mean())
    assert statistics.pixel_std == pytest.approx(images.std())
    assert statistics.pixel_histogram == pytest.approx(np.histogram(images, 16, (0, 256))[0] / images.size)
    assert statistics.mean_intensity_quantiles[10] == pytest.approx(np.median(images.mean(axis=(1, 2))))
    assert sum(statistics.class_share) == pytest.approx(1)
