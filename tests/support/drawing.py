"""Small data sets, and Kaggle's CSV of them, for tests."""

import numpy as np
from hypothesis import settings

from fmnist.core.dataset import Dataset
from fmnist.data.formats.kaggle_csv import COLUMNS

untimed = settings(deadline=None)
"""For property tests: a busy machine is no failure."""


def some_data(count: int, seed: int = 0) -> Dataset:
    """Random pixels; the labels go round the classes."""
    random = np.random.default_rng(seed)
    return Dataset(
        images=random.integers(0, 256, (count, 28, 28), np.uint8),
        labels=(np.arange(count) % 10).astype(np.uint8),
    )


def same(a: Dataset, b: Dataset) -> bool:
    return np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels)


def csv_of(dataset: Dataset, end: str = "\n") -> bytes:
    rows = np.c_[dataset.labels, dataset.images.reshape(-1, 784)].tolist()
    lines = [",".join(COLUMNS), *(",".join(map(str, row)) for row in rows)]
    return "".join(line + end for line in lines).encode()
