"""Quality of data: what every data set must be, and what one must be to be trained on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE, TEST, TRAIN
from fmnist.data.base import Commit, DataStore
from fmnist.data.commits import load, newest_commit
from fmnist.data.duplicates import near_duplicates, shared_images
from fmnist.errors import DataError, IntegrityError, NotFoundError
from fmnist.files.documents import parse_record, record_text

SCHEMA_VERSION = 1
_OTHER_SPLIT = {TRAIN.repo: TEST, TEST.repo: TRAIN}


@dataclass(frozen=True)
class Inspection:
    """Counts of a data set.

    Attributes:
        images: number of images.
        per_class: number of images by class name, all classes.
        duplicates: number of images equal to an earlier one.
    """

    images: int
    per_class: Mapping[str, int]
    duplicates: int

    @property
    def missing_classes(self) -> tuple[str, ...]:
        return tuple(name for name, count in self.per_class.items() if not count)


@dataclass(frozen=True)
class Bounds:
    """Bounds that training data must keep. Fashion-MNIST has equal classes and no duplicates.

    Attributes:
        min_images: least number of images.
        min_class: least share of a class, as a multiple of its even share.
        max_class: largest share of a class, as a multiple of its even share.
        max_duplicates: share of the training images, 0-1.
        max_near_duplicates: share of the test images, 0-1; 0.002 in Fashion-MNIST.
    """

    min_images: int = 1000
    min_class: float = 0.5
    max_class: float = 2.0
    max_duplicates: float = 0.01
    max_near_duplicates: float = 0.01


@dataclass(frozen=True)
class Validation:
    """Result for a commit that is fit to train on.

    Attributes:
        repo: repo of the training images.
        commit: commit of the training images.
        origin: ``official``, ``custom`` or ``synthetic``.
        files: SHA-256 by file name.
        test_repo: repo of the test images.
        test_commit: commit of the test images.
        test_images: number of test images.
        images: number of training images.
        per_class: number of training images by class name.
        duplicates: training images equal to an earlier one.
        shared_images: test images that are training images too.
        near_duplicates: test images that are not, but nearly.
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
        """JSON, as the file of fmnist-validate's output holds it."""
        return record_text(self, SCHEMA_VERSION)

    @classmethod
    def read(cls, text: str, where: str) -> "Validation":
        """The opposite of ``text``; raises IntegrityError, which names ``where`` the text is from."""
        return parse_record(text, cls, where, SCHEMA_VERSION)


def inspect(dataset: Dataset) -> Inspection:
    """Check types, shapes and labels, and count.

    Raises:
        DataError: it is empty, or is not what ``Dataset`` promises.
    """
    images, labels = dataset.images, dataset.labels
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != IMAGE_SHAPE:
        raise DataError(f"images are {images.dtype} {list(images.shape)}, expected uint8 [n, 28, 28]")
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise DataError(f"labels are {labels.dtype} {list(labels.shape)}, expected uint8 [{len(images)}]")
    if not len(labels):
        raise DataError("the data set is empty: expected at least one image")
    if labels.max() >= len(CLASSES):
        raise DataError(f"label {labels.max()} is no class, expected 0-{len(CLASSES) - 1}")
    counts = np.bincount(labels, minlength=len(CLASSES))
    return Inspection(
        images=len(labels),
        per_class=dict(zip(CLASSES, counts.tolist(), strict=True)),
        duplicates=len(labels) - len({image.tobytes() for image in images}),
    )


def remarks(store: DataStore, commit: Commit) -> list[str]:
    """Lines for people about a commit just made: its counts, and what would keep it from training.

    None for files that are no data set. Near-duplicates take seconds: ``fmnist data audit`` finds those.
    """
    try:
        dataset = load(store, commit)
        inspection = inspect(dataset)
    except (DataError, IntegrityError):
        return []
    counts = inspection.per_class.values()
    lines = [f"{inspection.images} images, {min(counts)} to {max(counts)} of each class"]
    lines += [f"warning: {problem}" for problem in _problems(inspection, Bounds())]
    other = _OTHER_SPLIT.get(commit.repo)
    counterpart = newest_commit(store, other.repo) if other else None
    if other and counterpart:
        try:
            shared = int(shared_images(dataset, load(store, counterpart)).sum())
        except (DataError, IntegrityError) as error:
            lines.append(f"warning: not compared with {other.repo}@{counterpart.id[:12]}: {error}")
            shared = 0
        if shared:
            lines.append(f"warning: {shared} images are also {other.name} images of {other.repo}")
    return [f"{commit.repo}: {line}" for line in lines]


def validate(store: DataStore, train: Commit, bounds: Bounds | None = None) -> Validation:
    """Check the images of ``train``, also against the newest test images.

    Raises:
        DataError: they are not fit to train on; one line for each reason.
        NotFoundError: there are no test images.
        IntegrityError: stored bytes are not those of the commit.
    """
    where = f"{train.repo}@{train.id}"
    bounds = bounds or Bounds()
    try:
        dataset = load(store, train)
        inspection = inspect(dataset)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    test = _newest_test_commit(store)
    test_dataset = load(store, test)
    shared = shared_images(test_dataset, dataset)
    near = {pair.test for pair in near_duplicates(dataset, test_dataset)} - set(np.flatnonzero(shared))
    validation = Validation(
        repo=train.repo,
        commit=train.id,
        origin=train.origin,
        files={file.name: file.sha256 for file in train.files},
        test_repo=test.repo,
        test_commit=test.id,
        test_images=len(test_dataset),
        images=inspection.images,
        per_class=inspection.per_class,
        duplicates=inspection.duplicates,
        shared_images=int(shared.sum()),
        near_duplicates=len(near),
    )
    problems = [*_problems(inspection, bounds), *_leaks(validation, bounds)]
    if problems:
        raise DataError("\n".join(f"{where}: {problem}" for problem in problems))
    return validation


def _newest_test_commit(store: DataStore) -> Commit:
    try:
        return store.get(TEST.repo)
    except NotFoundError as error:
        raise NotFoundError(
            f"{error}; without test images it cannot be checked that none of them are trained on"
        ) from error


def _problems(inspection: Inspection, bounds: Bounds) -> Iterator[str]:
    if inspection.images < bounds.min_images:
        yield f"{inspection.images} images, expected at least {bounds.min_images}"
    even = inspection.images / len(CLASSES)
    least, most = bounds.min_class * even, bounds.max_class * even
    for name, count in inspection.per_class.items():
        if not least <= count <= most:
            yield f"{count} images of class {name}, expected {least:.0f} to {most:.0f}"
    if inspection.duplicates > bounds.max_duplicates * inspection.images:
        yield (
            f"{inspection.duplicates} images are equal to others, "
            f"expected at most {bounds.max_duplicates:.0%}"
        )


def _leaks(validation: Validation, bounds: Bounds) -> Iterator[str]:
    leaked = f"test images of {validation.test_repo}@{validation.test_commit}"
    if validation.shared_images:
        yield f"{validation.shared_images} {leaked} are among the training images"
    if validation.near_duplicates > bounds.max_near_duplicates * validation.test_images:
        yield (
            f"{validation.near_duplicates} of {validation.test_images} {leaked} are nearly training images, "
            f"expected at most {bounds.max_near_duplicates:.0%}"
        )
