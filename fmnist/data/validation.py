"""What a person wants to know of a data set before training on it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE
from fmnist.errors import DataError


@dataclass(frozen=True)
class Inspection:
    """``per_class``: images by class name; ``duplicates``: images equal to an earlier one."""

    images: int
    per_class: Mapping[str, int]
    duplicates: int

    @property
    def missing_classes(self) -> tuple[str, ...]:
        return tuple(name for name, count in self.per_class.items() if not count)


def inspect(dataset: Dataset) -> Inspection:
    """Check the types, shapes and labels, and count.

    Raises:
        DataError: it is empty, or is not what ``Dataset`` promises.
    """
    images, labels = dataset.images, dataset.labels
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != IMAGE_SHAPE:
        raise DataError(f"images are {images.dtype} {list(images.shape)}, expected uint8 [n, 28, 28]")
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise DataError(f"labels are {labels.dtype} {list(labels.shape)}, expected uint8 [{len(images)}]")
    if not len(labels):
        raise DataError("the data set is empty: expected at least one image")
    if labels.max() >= len(CLASSES):
        raise DataError(f"label {labels.max()} is no class, expected 0-{len(CLASSES) - 1}")
    counts = np.bincount(labels, minlength=len(CLASSES))
    return Inspection(
        images=len(labels),
        per_class=dict(zip(CLASSES, counts.tolist(), strict=True)),
        duplicates=len(labels) - len({image.tobytes() for image in images}),
    )
