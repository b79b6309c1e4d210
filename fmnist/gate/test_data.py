"""Test data of the gate, and their relation to the training data and the policy."""

from dataclasses import dataclass

from fmnist.core.dataset import Dataset
from fmnist.core.provenance import DataReference
from fmnist.data.base import Commit, DataStore
from fmnist.data.commits import load
from fmnist.data.duplicates import shared_images
from fmnist.data.quality import inspect
from fmnist.errors import ConfigError, DataError, NotFoundError


@dataclass(frozen=True)
class DataFacts:
    """Facts about test and training data that rules judge; see ``Measurement``."""

    commits_ahead: int | None
    shared_images: int
    synthetic: bool


def read_test_data(store: DataStore, commit: Commit) -> Dataset:
    """Read the commit's images and labels.

    Raises:
        DataError: they cannot be read, or a class has no image, so that it could not be judged.
        IntegrityError: the stored bytes are not those of the commit.
    """
    dataset = load(store, commit)
    if missing := inspect(dataset).missing_classes:
        raise DataError(f"{commit.repo}@{commit.id}: no test image of {', '.join(missing)}")
    return dataset


def data_facts(
    store: DataStore, test: Commit, dataset: Dataset, trained_on: DataReference, named: str | None
) -> DataFacts:
    """Compare test data with training data and with ``named``, the commit that the policy names.

    Near duplicates are left to ``fmnist data audit``.

    Raises:
        NotFoundError: the training data's commit is not in this store.
        ConfigError: ``named`` is neither before nor after the test data.
    """
    try:
        train = store.get(trained_on.repo, trained_on.commit)
    except NotFoundError as error:
        raise NotFoundError(
            f"the data that the version was trained on are not in this store, so test images among them "
            f"cannot be found: {error}"
        ) from error
    return DataFacts(
        commits_ahead=None if named is None else _commits_ahead(store, test, named),
        shared_images=int(shared_images(dataset, load(store, train)).sum()),
        synthetic="synthetic" in (test.origin, train.origin, trained_on.origin),
    )


def _commits_ahead(store: DataStore, test: Commit, named: str) -> int:
    commit = store.get(test.repo, named)
    newer = _ancestors(store, test)
    if commit.id in newer:
        return newer.index(commit.id)
    older = _ancestors(store, commit)
    if test.id in older:
        return -older.index(test.id)
    raise ConfigError(f"gate.yaml: test_data_commit {named} is not in the history of {test.repo}@{test.id}")


def _ancestors(store: DataStore, commit: Commit) -> list[str]:
    """The commit's id and those before it, newest first."""
    ids = [commit.id]
    while commit.parent:
        commit = store.get(commit.repo, commit.parent)
        ids.append(commit.id)
    return ids
