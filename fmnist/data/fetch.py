"""Raw files into data commits: the first step of the path."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from fmnist.core.fashion_mnist import SPLITS, TRAIN, Split
from fmnist.core.progress import Say
from fmnist.data.base import Commit, DataStore
from fmnist.data.sources import find, places
from fmnist.errors import NotFoundError
from fmnist.settings import Settings


def fetch(settings: Settings, store: DataStore, say: Say) -> tuple[Commit, Commit]:
    """Find the raw files and commit both splits; ``say`` gets lines of progress.

    Gives the commits of the training and the test split; the same files again give the same ones.

    Raises:
        NotFoundError: ``settings.source`` is set but lacks a split.
        DataError: a file in ``settings.source`` cannot be read.
    """
    train, test = _commit(settings, store, SPLITS, say)
    return train, test


def ensure(settings: Settings, store: DataStore, split: Split, say: Say) -> Commit:
    """The split's newest commit, whatever it holds; the raw files are found where there is none.

    Raises:
        NotFoundError: ``settings.source`` is set but lacks a split.
        DataError: a file in ``settings.source`` cannot be read.
    """
    try:
        return store.get(split.repo)
    except NotFoundError:
        return _commit(settings, store, (split,), say)[0]


def _commit(settings: Settings, store: DataStore, splits: Sequence[Split], say: Say) -> list[Commit]:
    with tempfile.TemporaryDirectory(prefix="fmnist-") as scratch:
        raw = find(places(settings), say, Path(scratch))
        say(f"{raw.origin} data from {raw.where}")
        return [
            store.put(
                split.repo,
                raw.train if split is TRAIN else raw.test,
                f"Fashion-MNIST, {split.name} split ({raw.origin})",
            )
            for split in splits
        ]
