"""Whether a commit of training images is fit to train on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES, TEST
from fmnist.data.audit.duplicates import near_duplicates
from fmnist.data.base import Commit, DataStore
from fmnist.data.fetch import load
from fmnist.data.validation import Inspection, inspect
from fmnist.errors import DataError, IntegrityError, NotFoundError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Bounds:
    """What a commit must keep to. All but the first are shares, 0-1, or multiples of one.

    A class may have ``least_class`` to ``most_class`` times its even share of the images; ``duplicates``
    is of the training images, ``near_duplicates`` of the test images. Fashion-MNIST has neither classes
    of different size nor duplicates, and near-duplicates of 0.002.
    """

    images: int = 1000
    least_class: float = 0.5
    most_class: float = 2.0
    duplicates: float = 0.01
    near_duplicates: float = 0.01


@dataclass(frozen=True)
class Validation:
    """What was found in a commit that is fit to train on.

    ``commit`` is of ``repo``, and holds the files whose SHA-256 by name is ``files``. ``duplicates`` are
    training images equal to an earlier one, ``shared_images`` test images that are training images too,
    ``near_duplicates`` those that nearly are.
    """

    repo: str
    commit: str
    origin: str
    files: Mapping[str, str]
    test_repo: str
    test_commit: str
    test_images: int
    images: int
    per_class: Mapping[str, int]
    duplicates: int
    shared_images: int
    near_duplicates: int

    def text(self) -> str:
        """As a file holds it."""
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def read(cls, text: str, where: str) -> "Validation":
        """The opposite; raises IntegrityError if it is none, naming ``where`` it was."""
        try:
            raw: dict[str, Any] = json.loads(text)
            if raw.pop("schema_version") != SCHEMA_VERSION:
                raise ValueError(f"expected schema_version {SCHEMA_VERSION}")
            return cls(**raw)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(f"{where}: is no result of fmnist-validate ({error!r})") from error


def validate(store: DataStore, train: Commit, bounds: Bounds | None = None) -> Validation:
    """Check the images of ``train``, also against the newest test images.

    Raises:
        DataError: they are not fit to train on; one line for each reason.
        NotFoundError: there are no test images.
        IntegrityError: stored bytes are not those of the commit.
    """
    where = f"{train.repo}@{train.id}"
    try:
        dataset = load(store, train)
        inspection = inspect(dataset)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    test = _test_images(store)
    tests = load(store, test)
    shared, near = _leaks(dataset, tests)
    found = Validation(
        repo=train.repo,
        commit=train.id,
        origin=train.origin,
        files={file.name: file.sha256 for file in train.files},
        test_repo=test.repo,
        test_commit=test.id,
        test_images=len(tests),
        images=inspection.images,
        per_class=inspection.per_class,
        duplicates=inspection.duplicates,
        shared_images=shared,
        near_duplicates=near,
    )
    reasons = list(_reasons(found, inspection, bounds or Bounds()))
    if reasons:
        raise DataError("\n".join(f"{where}: {reason}" for reason in reasons))
    return found


def _test_images(store: DataStore) -> Commit:
    try:
        return store.get(TEST.repo)
    except NotFoundError as error:
        raise NotFoundError(
            f"{error}; without test images nobody can say whether some of them are trained on"
        ) from error


def _leaks(train: Dataset, test: Dataset) -> tuple[int, int]:
    """How many test images are training images, and how many more are nearly such."""
    seen = {image.tobytes() for image in train.images}
    shared = np.fromiter((image.tobytes() in seen for image in test.images), bool, len(test))
    near = {twin.test for twin in near_duplicates(train, test)} - set(np.flatnonzero(shared).tolist())
    return int(shared.sum()), len(near)


def _reasons(found: Validation, inspection: Inspection, bounds: Bounds) -> Iterator[str]:
    if found.images < bounds.images:
        yield f"{found.images} images, expected at least {bounds.images}"
    even = found.images / len(CLASSES)
    least, most = bounds.least_class * even, bounds.most_class * even
    for name, count in inspection.per_class.items():
        if not least <= count <= most:
            yield f"{count} images of class {name}, expected {least:.0f} to {most:.0f}"
    if found.duplicates > bounds.duplicates * found.images:
        yield f"{found.duplicates} images are equal to others, expected at most {bounds.duplicates:.0%}"
    leaked = f"test images of {found.test_repo}@{found.test_commit}"
    if found.shared_images:
        yield f"{found.shared_images} {leaked} are among the training images"
    if found.near_duplicates > bounds.near_duplicates * found.test_images:
        yield (
            f"{found.near_duplicates} of {found.test_images} {leaked} are nearly training images, "
            f"expected at most {bounds.near_duplicates:.0%}"
        )
