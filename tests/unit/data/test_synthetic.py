import time
from pathlib import Path

import numpy as np

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import TEST, TRAIN, Split
from fmnist.data import synthetic
from fmnist.data.base import SYNTHETIC_MARKER
from fmnist.data.formats import read_dataset
from fmnist.data.quality import inspect
from tests.support.drawing import same


def read(folder: Path, split: Split) -> Dataset:
    return read_dataset({file.name: (folder / file.name).read_bytes() for file in split.files})


def linear_accuracy(train: Dataset, test: Dataset) -> float:
    """Of ridge regression on the pixels, 0-1."""
    pixels = np.c_[train.images.reshape(len(train), -1) / 255, np.ones(len(train))]
    weights = np.linalg.solve(pixels.T @ pixels + 10 * np.eye(785), pixels.T @ np.eye(10)[train.labels])
    answers = np.c_[test.images.reshape(len(test), -1) / 255, np.ones(len(test))] @ weights
    return float((answers.argmax(1) == test.labels).mean())


def test_both_splits_are_written_quickly_under_the_official_names(tmp_path: Path) -> None:
    begun = time.process_time()
    synthetic.write(tmp_path / "drawn")
    assert time.process_time() - begun < 8
    train, test = read(tmp_path / "drawn", TRAIN), read(tmp_path / "drawn", TEST)
    assert (len(train), len(test)) == (12_000, 2_000)
    assert set(inspect(train).per_class.values()) == {1200}
    assert inspect(train).duplicates == 0
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}
    assert "not Fashion-MNIST" in (tmp_path / "drawn" / SYNTHETIC_MARKER).read_text()
    # Learnable, but not by a glance at single pixels.
    assert 0.6 < linear_accuracy(train, test) < 0.95


def test_a_seed_decides_every_pixel() -> None:
    assert same(synthetic.draw(40, 1), synthetic.draw(40, 1))
    assert not same(synthetic.draw(40, 1), synthetic.draw(40, 2))


def test_garments_are_lit_shapes_on_black() -> None:
    images = synthetic.draw(200, 0).images
    dark = (images == 0).mean(axis=(1, 2))
    assert dark.min() > 0.15
    assert dark.max() < 0.95
    assert images.max(axis=(1, 2)).min() > 60
