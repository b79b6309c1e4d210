"""Pictures that a linear classifier tells apart: class k is bright in the k-th tenth of the pixels."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist.core.bundle import Bundle, open_bundle, write_metadata
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES, PIXELS, TEST, TRAIN
from fmnist.core.provenance import DataReference
from fmnist.data.base import Commit, DataStore

_TENTH = PIXELS // len(CLASSES)


def block_images(per_class: int, seed: int = 0) -> Dataset:
    """``per_class`` noisy images of each class, in random order."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(len(CLASSES), dtype=np.uint8), per_class))
    pixels = random.integers(0, 40, (len(labels), PIXELS), np.uint8)
    for row, label in zip(pixels, labels.tolist(), strict=True):
        row[_TENTH * label : _TENTH * (label + 1)] += 200
    return Dataset(pixels.reshape(-1, 28, 28), labels)


def block_weights() -> NDArray[np.float32]:
    """Weights for ``make_bundle`` that name every such image right."""
    weights = np.zeros((PIXELS, len(CLASSES)), np.float32)
    for label in range(len(CLASSES)):
        weights[_TENTH * label : _TENTH * (label + 1), label] = 0.3
    return weights


def put_test_data(store: DataStore, data: Dataset, folder: Path) -> Commit:
    """Commit ``data`` as IDX files to the repo of the test data."""
    return _put(store, TEST.repo, data, folder)


def put_train_data(store: DataStore, data: Dataset, folder: Path) -> Commit:
    """Commit ``data`` as IDX files to the repo of the training data."""
    return _put(store, TRAIN.repo, data, folder)


def trained_on(bundle: Bundle, commit: Commit) -> Bundle:
    """The bundle, now naming ``commit`` as its training data."""
    reference = DataReference(
        commit.repo, commit.id, commit.origin, {file.name: file.sha256 for file in commit.files}
    )
    provenance = replace(bundle.metadata.provenance, train_data=reference)
    write_metadata(bundle.folder, replace(bundle.metadata, provenance=provenance))
    return open_bundle(bundle.folder)


def _put(store: DataStore, repo: str, data: Dataset, folder: Path) -> Commit:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "images-idx3-ubyte").write_bytes(
        struct.pack(">IIII", 0x803, len(data), 28, 28) + data.images.tobytes()
    )
    (folder / "labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, len(data)) + data.labels.tobytes())
    return store.put(repo, {path.name: path for path in folder.iterdir()}, "drawn blocks")
