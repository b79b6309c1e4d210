"""Split into training and validation images."""

import hashlib

import numpy as np

from fmnist.core.dataset import Dataset
from fmnist.errors import DataError

_HASHES = 2**64


def split(dataset: Dataset, val_size: float) -> tuple[Dataset, Dataset]:
    """Training images, and about ``val_size`` (0-1) of all as validation images; none at 0.

    A hash of an image's bytes decides, so an image stays in its set when others are added or reordered, and
    equal images are in the same set.

    Raises:
        DataError: one of the sets would be empty.
    """
    if val_size == 0:
        return dataset, _subset(dataset, np.zeros(len(dataset), dtype=bool))
    threshold = int(val_size * _HASHES)
    held_out = np.fromiter(
        (_hash(image) < threshold for image in dataset.images), dtype=bool, count=len(dataset)
    )
    if held_out.all() or not held_out.any():
        raise DataError(
            f"val_size {val_size} of {len(dataset)} images leaves no image to "
            f"{'train on' if held_out.any() else 'validate on'}: give more images or another val_size"
        )
    return _subset(dataset, ~held_out), _subset(dataset, held_out)


def _hash(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> int:
    return int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest(), "big")


def _subset(dataset: Dataset, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Dataset:
    return Dataset(dataset.images[chosen], dataset.labels[chosen])
