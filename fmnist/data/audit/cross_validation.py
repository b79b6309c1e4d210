"""Probabilities for every image by a model that has not seen it. NumPy only, seconds per 10,000 images."""

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Dataset, Images
from fmnist.core.fashion_mnist import CLASSES, PIXELS
from fmnist.errors import DataError

_FOLDS = 5
_MOST_FEATURES = 2500
_IMAGES_PER_FEATURE = 4
_GAMMA = 0.01
"""Width of the Gaussian kernel between images with pixels 0-1."""
_RIDGE = 1.0
_CHUNK = 2000

_Floats = NDArray[np.float32]


def out_of_fold_probabilities(dataset: Dataset, seed: int = 0) -> NDArray[np.float32]:
    """For each image the probabilities, [n, 10], by a model fitted to four fifths without that image.

    The model is kernel ridge regression on one-hot labels with a Gaussian kernel in random Fourier
    features (Rahimi and Recht, 2007): least squares estimates the class's probability, and all folds
    share one pass over the images.

    Raises:
        DataError: there are fewer images than folds.
    """
    if len(dataset) < _FOLDS:
        raise DataError(f"{len(dataset)} images are too few to audit, expected at least {_FOLDS}")
    random = np.random.default_rng(seed)
    count = min(_MOST_FEATURES, max(1, len(dataset) // _IMAGES_PER_FEATURE))
    features = _Features(random, count)
    folds = random.permutation(len(dataset)) % _FOLDS
    targets = np.eye(len(CLASSES), dtype=np.float32)[dataset.labels]
    grams = np.zeros((_FOLDS, count, count), np.float32)
    sums = np.zeros((_FOLDS, count, len(CLASSES)), np.float32)
    for fold in range(_FOLDS):
        for rows in _chunks(np.flatnonzero(folds == fold)):
            z = features(dataset.images[rows])
            grams[fold] += z.T @ z
            sums[fold] += z.T @ targets[rows]
    weights = _solve(grams, sums)
    scores = np.empty((len(dataset), len(CLASSES)), np.float32)
    for fold in range(_FOLDS):
        for rows in _chunks(np.flatnonzero(folds == fold)):
            scores[rows] = features(dataset.images[rows]) @ weights[fold]
    positive = np.maximum(scores, 1e-6)
    probabilities: _Floats = positive / positive.sum(axis=1, keepdims=True)
    return probabilities


class _Features:
    def __init__(self, random: np.random.Generator, count: int) -> None:
        scale = np.sqrt(2 * _GAMMA) / 255
        self._weights = (random.standard_normal((PIXELS, count)) * scale).astype(np.float32)
        self._phases = random.uniform(0, 2 * np.pi, count).astype(np.float32)

    def __call__(self, images: Images) -> _Floats:
        flat = images.reshape(len(images), -1).astype(np.float32)
        features: _Floats = np.cos(flat @ self._weights + self._phases)
        return features


def _solve(grams: _Floats, sums: _Floats) -> list[_Floats]:
    """The weights of each fold's model, which sees all folds but that one."""
    gram, total = grams.sum(axis=0), sums.sum(axis=0)
    ridge = _RIDGE * np.eye(len(gram), dtype=np.float32)
    return [
        np.linalg.solve(gram - grams[fold] + ridge, total - sums[fold]).astype(np.float32)
        for fold in range(_FOLDS)
    ]


def _chunks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
