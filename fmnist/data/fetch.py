"""Raw files into data commits: the first step of the path."""

from fmnist.core.fashion_mnist import TEST, TRAIN, Split
from fmnist.core.progress import Say
from fmnist.data.base import Commit, DataStore
from fmnist.data.sources import RawFiles, find, places
from fmnist.errors import NotFoundError
from fmnist.settings import Settings


def fetch(settings: Settings, store: DataStore, say: Say) -> tuple[Commit, Commit]:
    """Find the raw files and commit both splits; ``say`` gets lines of progress.

    Gives the commits of the training and the test split; the same files again give the same ones.

    Raises:
        NotFoundError: ``settings.source`` is set but lacks a split.
        DataError: a file in ``settings.source`` cannot be read.
    """
    raw = find(places(settings), say)
    say(f"{raw.origin} data from {raw.where}")
    return _put(store, TRAIN, raw), _put(store, TEST, raw)


def ensure(settings: Settings, store: DataStore, split: Split, say: Say) -> Commit:
    """The split's newest commit, whatever it holds; the raw files are found where there is none.

    Raises:
        NotFoundError: ``settings.source`` is set but lacks a split.
        DataError: a file in ``settings.source`` cannot be read.
    """
    try:
        return store.get(split.repo)
    except NotFoundError:
        raw = find(places(settings), say)
        say(f"{raw.origin} data from {raw.where}")
        return _put(store, split, raw)


def _put(store: DataStore, split: Split, raw: RawFiles) -> Commit:
    files = raw.train if split is TRAIN else raw.test
    return store.put(split.repo, files, f"Fashion-MNIST, {split.name} split ({raw.origin})")
