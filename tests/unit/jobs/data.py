"""Data commits for tests, put as users do."""

from pathlib import Path

import numpy as np

from fmnist.clients.pachyderm.connection import Connection
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import TEST, TRAIN, Split
from fmnist.data.base import Commit, DataStore
from fmnist.data.formats.idx import write_idx
from fmnist.data.pachyderm.store import PachydermStore
from fmnist.settings import pachd_address as address
from tests.support.drawing import some_data
from tests.support.pachd.server import PachdServer


def put(store: DataStore, folder: Path, split: Split, dataset: Dataset) -> Commit:
    folder.mkdir(parents=True, exist_ok=True)
    files = {split.images.name: dataset.images, split.labels.name: dataset.labels}
    for name, array in files.items():
        (folder / name).write_bytes(write_idx(array))
    return store.put(split.repo, {name: folder / name for name in files}, "by a test")


def put_both(store: DataStore, folder: Path, seed: int = 0) -> Commit:
    """Test images, then 1000 training images, whose commit it gives."""
    put(store, folder, TEST, some_data(50, seed=seed + 100))
    return put(store, folder, TRAIN, some_data(1000, seed=seed))


def joined(*parts: Dataset) -> Dataset:
    return Dataset(
        np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts])
    )


def store_on(server: PachdServer, folder: Path) -> PachydermStore:
    pachd = address.server(server.address)
    return PachydermStore(Connection(pachd), folder / "sums")
