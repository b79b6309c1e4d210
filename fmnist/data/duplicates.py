"""Images that occur in both splits: byte for byte, or nearly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Dataset, Images

MAX_DIFFERENCE = 0.08
"""The largest difference of near-duplicates: in Fashion-MNIST the same garment, above it a similar one."""

_COMPONENTS = 64


@dataclass(frozen=True)
class NearDuplicate:
    """A test image and the training image most like it.

    Attributes:
        train: index of the training image.
        test: index of the test image.
        train_label: class of the training image, 0-9.
        test_label: class of the test image, 0-9.
        difference: distance between both, each scaled to length 1: 0 (equal but for brightness) to
            1.41 (nothing in common).
        exact: whether the test image is among the training images, byte for byte.
    """

    train: int
    test: int
    train_label: int
    test_label: int
    difference: float
    exact: bool


def shared_images(test: Dataset, train: Dataset) -> NDArray[np.bool_]:
    """Whether each test image is among the training images, byte for byte; bool [len(test)]."""
    wanted = {image.tobytes() for image in test.images}
    shared = wanted & {content for image in train.images if (content := image.tobytes()) in wanted}
    return np.fromiter((image.tobytes() in shared for image in test.images), bool, len(test))


def near_duplicates(train: Dataset, test: Dataset) -> list[NearDuplicate]:
    """The test images with a near-duplicate among the training images, the most similar first."""
    known, asked = _unit_rows(train.images), _unit_rows(test.images)
    nearest = _nearest(known, asked)
    difference = np.linalg.norm(known[nearest] - asked, axis=1)
    exact = shared_images(test, train)
    rows = np.flatnonzero(difference <= MAX_DIFFERENCE)
    return [
        NearDuplicate(
            train=int(nearest[row]),
            test=int(row),
            train_label=int(train.labels[nearest[row]]),
            test_label=int(test.labels[row]),
            difference=float(difference[row]),
            exact=bool(exact[row]),
        )
        for row in rows[np.argsort(difference[rows], kind="stable")]
    ]


def _unit_rows(images: Images) -> NDArray[np.float32]:
    """Each image as a row of length 1; an empty image stays zero."""
    from sklearn.preprocessing import normalize  # type: ignore[import-untyped, unused-ignore]

    rows: NDArray[np.float32] = normalize(images.reshape(len(images), -1).astype(np.float32), copy=False)
    return rows


def _nearest(known: NDArray[np.float32], asked: NDArray[np.float32]) -> NDArray[np.int64]:
    """The index of the nearest known row for each asked row, by the components that differ most."""
    from sklearn.decomposition import PCA  # type: ignore[import-untyped, unused-ignore]
    from sklearn.neighbors import NearestNeighbors  # type: ignore[import-untyped, unused-ignore]

    components = PCA(min(_COMPONENTS, len(known)), svd_solver="covariance_eigh").fit(known)
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(components.transform(known))
    indices: NDArray[np.int64] = neighbours.kneighbors(components.transform(asked), return_distance=False)
    return indices[:, 0]
