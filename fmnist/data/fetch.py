"""The path's first step: raw files into data commits, and data commits into data sets."""

from collections.abc import Callable

from fmnist.data.base import Commit, DataStore
from fmnist.data.dataset import Dataset
from fmnist.data.formats import read_dataset
from fmnist.data.sources import find, places
from fmnist.fashion_mnist import TEST, TRAIN
from fmnist.settings import Settings


def fetch(settings: Settings, store: DataStore, say: Callable[[str], None]) -> tuple[Commit, Commit]:
    """Find the raw files and commit both splits; ``say`` gets lines of progress.

    Gives the commits of the training and the test split; the same files again give the same ones.

    Raises:
        NotFoundError: ``settings.source`` is set but lacks a split.
        DataError: a file in ``settings.source`` cannot be read.
    """
    raw = find(places(settings), say)
    say(f"{raw.origin} data from {raw.where}")
    train, test = (
        store.put(split.repo, files, f"Fashion-MNIST, {split.name} split ({raw.origin})")
        for split, files in ((TRAIN, raw.train), (TEST, raw.test))
    )
    return train, test


def load(store: DataStore, commit: Commit) -> Dataset:
    """The data set that a commit holds.

    Raises:
        DataError: its files are no data set.
        IntegrityError: a file's bytes are not the recorded ones.
    """
    return read_dataset({file.name: store.read(commit, file.name) for file in commit.files})
