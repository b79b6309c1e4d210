"""Statistics of the training images, kept with the model: drift is measured against them."""

import numpy as np

from fmnist.core.bundle import ReferenceStatistics
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES

_BINS = 16
_QUANTILES = np.arange(0, 101, 5) / 100


def reference_statistics(dataset: Dataset) -> ReferenceStatistics:
    """What these images look like; at least one image."""
    by_value = np.bincount(dataset.images.ravel(), minlength=256)
    share = by_value / by_value.sum()
    values = np.arange(256)
    mean = float(share @ values)
    means = dataset.images.mean(axis=(1, 2), dtype=np.float64)
    classes = np.bincount(dataset.labels, minlength=len(CLASSES)) / len(dataset)
    return ReferenceStatistics(
        images=len(dataset),
        pixel_mean=mean,
        pixel_std=float(np.sqrt(share @ (values - mean) ** 2)),
        pixel_histogram=tuple(share.reshape(_BINS, -1).sum(axis=1).tolist()),
        mean_intensity_quantiles=tuple(np.quantile(means, _QUANTILES).tolist()),
        class_share=tuple(classes.tolist()),
    )
