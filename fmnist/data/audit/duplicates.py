"""Test images that training images give away."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Dataset, Images

NEAR = 0.08
"""The largest difference of near-duplicates: in Fashion-MNIST the same garment, above it a like one."""

_DIMENSIONS = 64
_SAMPLE = 10_000
_CHUNK = 500

_Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Twin:
    """A test image and the training image most like it, by their indices, and their labels.

    ``difference`` is the distance between both, each scaled to length 1: 0 (the same but for
    brightness) to 1.41 (nothing in common). ``exact``: the same bytes.
    """

    train: int
    test: int
    train_label: int
    test_label: int
    difference: float
    exact: bool


def near_duplicates(train: Dataset, test: Dataset) -> list[Twin]:
    """The test images with a near-duplicate among the training images, the most alike first."""
    nearest = _nearest(_scaled(train.images), _scaled(test.images))
    difference = np.concatenate(
        [
            np.linalg.norm(_scaled(train.images[nearest[rows]]) - _scaled(test.images[rows]), axis=1)
            for rows in _chunks(len(test))
        ]
    )
    found = np.flatnonzero(difference <= NEAR)
    return [
        Twin(
            train=int(nearest[row]),
            test=int(row),
            train_label=int(train.labels[nearest[row]]),
            test_label=int(test.labels[row]),
            difference=float(difference[row]),
            exact=bool((train.images[nearest[row]] == test.images[row]).all()),
        )
        for row in found[np.argsort(difference[found], kind="stable")]
    ]


def _scaled(images: Images) -> _Floats:
    """Each image as a row of length 1; an empty one stays zero."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    scaled: _Floats = np.divide(flat, lengths, out=flat, where=lengths > 0)
    return scaled


def _nearest(train: _Floats, test: _Floats) -> NDArray[np.int64]:
    """For each test row the training row nearest to it, in the directions that tell most images apart."""
    sample = train[:: max(1, len(train) // _SAMPLE)]
    _, directions = np.linalg.eigh(sample.T @ sample)
    axes = directions[:, -_DIMENSIONS:]
    among, wanted = train @ axes, test @ axes
    lengths = (among**2).sum(axis=1) / 2
    return np.concatenate([(wanted[rows] @ among.T - lengths).argmax(axis=1) for rows in _chunks(len(test))])


def _chunks(count: int) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, count, _CHUNK)]
