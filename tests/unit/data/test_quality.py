from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import TEST, TRAIN
from fmnist.data.base import DataStore
from fmnist.data.quality import Validation, remarks, validate
from fmnist.errors import DataError, IntegrityError, NotFoundError
from tests.support.drawing import some_data
from tests.support.pachd.server import serving
from tests.unit.jobs.data import joined, put, put_both, store_on


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices take longest on many threads."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataStore]:
    folder = tmp_path_factory.mktemp("checks")
    with serving() as server:
        own = store_on(server, folder)
        put_both(own, folder / "files")
        yield own


def with_labels(dataset: Dataset, labels: list[int]) -> Dataset:
    return replace(dataset, labels=np.resize(np.array(labels, np.uint8), len(dataset)))


def test_sound_images_pass_and_are_counted(store: DataStore, tmp_path: Path) -> None:
    train = put(store, tmp_path, TRAIN, some_data(1000))
    found = validate(store, train)
    assert (found.commit, found.test_commit) == (train.id, store.get(TEST.repo).id)
    assert (found.images, found.test_images, found.origin) == (1000, 50, "custom")
    assert (found.duplicates, found.shared_images, found.near_duplicates) == (0, 0, 0)
    assert set(found.per_class.values()) == {100}
    assert found.files == {file.name: file.sha256 for file in train.files}
    assert Validation.read(found.text(), "there") == found


_sound = some_data(1000)
_leaked = some_data(50, seed=100)

UNFIT = [
    ("too few", some_data(990), "990 images, expected at least 1000"),
    (
        "class missing",
        with_labels(_sound, list(range(9))),
        "0 images of class Ankle boot, expected 50 to 200",
    ),
    (
        "class too large",
        with_labels(_sound, [0, 0, 0, 0, *range(10)]),
        r"3\d\d images of class T-shirt/top, expected 50 to 200",
    ),
    (
        "label out of range",
        with_labels(_sound, [*range(10), 11]),
        r"train-labels-idx1-ubyte\.gz: label 10 .* is 11, expected 0-9",
    ),
    (
        "duplicates",
        joined(_sound, Dataset(_sound.images[:20], _sound.labels[:20])),
        "20 images are equal to others, expected at most 1%",
    ),
    (
        "leak",
        joined(_sound, Dataset(_leaked.images[:1], _leaked.labels[:1])),
        r"1 test images of fmnist-test-raw@\w+ are among the training images",
    ),
    (
        "leak of brighter pictures",
        joined(_sound, Dataset((_leaked.images[:9] // 2).astype(np.uint8), _leaked.labels[:9])),
        r"9 of 50 test images of fmnist-test-raw@\w+ are nearly training images, expected at most 1%",
    ),
]


@pytest.mark.parametrize(("dataset", "reason"), [case[1:] for case in UNFIT], ids=[case[0] for case in UNFIT])
def test_unfit_images_are_refused_with_commit_and_reason(
    store: DataStore, tmp_path: Path, dataset: Dataset, reason: str
) -> None:
    train = put(store, tmp_path, TRAIN, dataset)
    with pytest.raises(DataError, match=f"^{TRAIN.repo}@{train.id}: {reason}"):
        validate(store, train)


def test_all_reasons_are_told(store: DataStore, tmp_path: Path) -> None:
    train = put(store, tmp_path, TRAIN, with_labels(some_data(500), [0, 1, 2, 3, 4]))
    with pytest.raises(DataError) as caught:
        validate(store, train)
    assert len(str(caught.value).splitlines()) == 6


def test_files_that_are_no_images_are_refused(store: DataStore, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("label,pixel1\n1\n")
    train = store.put(TRAIN.repo, {"train.csv": tmp_path / "train.csv"}, "odd")
    with pytest.raises(DataError, match=rf"^{TRAIN.repo}@{train.id}: train\.csv"):
        validate(store, train)


def test_without_test_images_nobody_can_say(tmp_path: Path) -> None:
    with serving() as server:
        own = store_on(server, tmp_path)
        train = put(own, tmp_path, TRAIN, some_data(1000))
        with pytest.raises(NotFoundError, match="without test images it cannot be checked"):
            validate(own, train)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1, "a": 1}'])
def test_what_is_no_validation_is_told(text: str) -> None:
    with pytest.raises(IntegrityError, match=r"^there: (not a Validation|schema_version is 2)"):
        Validation.read(text, "there")


def test_remarks_give_counts_and_what_would_keep_data_from_training(store: DataStore, tmp_path: Path) -> None:
    twice = joined(_sound, Dataset(_sound.images[:20], _sound.labels[:20]))
    leaking = joined(twice, Dataset(_leaked.images[:3], _leaked.labels[:3]))
    assert remarks(store, put(store, tmp_path, TRAIN, leaking)) == [
        f"{TRAIN.repo}: 1023 images, 102 to 103 of each class",
        f"{TRAIN.repo}: warning: 20 images are equal to others, expected at most 1%",
        f"{TRAIN.repo}: warning: 3 images are also test images of {TEST.repo}",
    ]
    (tmp_path / "note").write_text("no images")
    assert remarks(store, store.put("notes", {"note": tmp_path / "note"}, "m")) == []


def test_the_first_format_on_disk_is_still_read() -> None:
    text = """{
  "schema_version": 1,
  "repo": "fmnist-train-raw",
  "commit": "8d0b3f",
  "origin": "custom",
  "files": {"train.csv": "ab12"},
  "test_repo": "fmnist-test-raw",
  "test_commit": "77aa01",
  "test_images": 50,
  "images": 1000,
  "per_class": {"Bag": 1000},
  "duplicates": 1,
  "shared_images": 0,
  "near_duplicates": 2
}"""
    validation = Validation.read(text, "there")
    assert (validation.files, validation.per_class) == ({"train.csv": "ab12"}, {"Bag": 1000})
    assert (validation.duplicates, validation.near_duplicates) == (1, 2)
