"""What was planted is found, and little else."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES
from fmnist.data.audit import Audit, audit, likely_mislabelled, out_of_fold_probabilities, write_report
from fmnist.data.duplicates import MAX_DIFFERENCE, near_duplicates
from fmnist.data.synthetic import draw
from fmnist.errors import DataError
from tests.support.blocks import block_images

_PLANTED = np.arange(0, 1500, 60)


@pytest.fixture(scope="module")
def train() -> Dataset:
    blocks = block_images(150)
    labels = blocks.labels.copy()
    labels[_PLANTED] = (labels[_PLANTED] + 5) % len(CLASSES)
    return Dataset(blocks.images, labels)


@pytest.fixture(scope="module")
def probabilities(train: Dataset) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return out_of_fold_probabilities(train)


def test_probabilities_are_probabilities_and_repeatable(
    train: Dataset, probabilities: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> None:
    assert probabilities.shape == (1500, 10)
    assert (probabilities > 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(1500), abs=1e-5)
    assert (probabilities.argmax(axis=1) == train.labels).mean() > 0.95
    assert np.array_equal(out_of_fold_probabilities(train), probabilities)


def test_an_image_does_not_vouch_for_itself() -> None:
    garments = draw(400, seed=6)
    noise = np.random.default_rng(0).integers(0, 10, 400).astype(np.uint8)
    right = out_of_fold_probabilities(Dataset(garments.images, noise)).argmax(axis=1) == noise
    assert right.mean() < 0.2


def test_planted_labels_are_suspect_and_no_others(
    train: Dataset, probabilities: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> None:
    suspects = likely_mislabelled(probabilities, train.labels)
    found = {suspect.index for suspect in suspects}
    assert found <= set(_PLANTED.tolist())
    assert len(found) >= len(_PLANTED) / 2
    for suspect in suspects:
        assert train.labels[suspect.index] == suspect.label != suspect.suggested
        assert suspect.suggested_probability > suspect.label_probability


def test_labels_that_nothing_speaks_against_are_not_suspect() -> None:
    labels = np.array([0, 1, 2], np.uint8)
    assert likely_mislabelled(np.eye(10)[labels] * 0.9 + 0.01, labels) == []


def test_planted_twins_are_found_with_their_difference() -> None:
    train, garments = draw(800, seed=98), draw(60, seed=99)
    images, labels = garments.images.copy(), garments.labels.copy()
    images[3], labels[3] = train.images[700], train.labels[700]
    images[4] = np.clip(train.images[701] * 0.8, 0, 255).astype(np.uint8)
    labels[4] = (train.labels[701] + 1) % 10
    images[5] = 0
    found = {twin.test: twin for twin in near_duplicates(train, Dataset(images, labels))}
    assert (found[3].train, found[3].exact, found[3].difference) == (700, True, 0)
    assert (found[4].train, found[4].exact) == (701, False)
    assert 0 < found[4].difference < MAX_DIFFERENCE
    assert found[4].train_label != found[4].test_label
    assert 5 not in found


def test_the_report_names_classes_and_shows_pictures(train: Dataset, tmp_path: Path) -> None:
    test = Dataset(train.images[:3], train.labels[:3])
    said: list[str] = []
    found = audit(train, test, said.append)
    assert len(said) == 2
    write_report(tmp_path, found, train, test)
    document = json.loads((tmp_path / "audit.json").read_text())
    assert document["images"] == 1500
    assert document["near_duplicates"]["exact"] == 3
    suspects = document["likely_mislabelled"]
    assert suspects["count"] == sum(suspects["per_class"].values()) == len(suspects["images"]) > 0
    assert {suspect["label"] for suspect in suspects["images"]} <= set(CLASSES)
    for name in ("mislabelled.png", "near-duplicates.png"):
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 100


def test_nothing_found_is_a_report_too(train: Dataset, tmp_path: Path) -> None:
    write_report(tmp_path, Audit(1500, 1.0, [], []), train, train)
    assert json.loads((tmp_path / "audit.json").read_text())["near_duplicates"]["count"] == 0
    assert Image.open(io.BytesIO((tmp_path / "mislabelled.png").read_bytes())).format == "PNG"


def test_too_few_images_are_refused() -> None:
    with pytest.raises(DataError, match="2 images are too few to audit"):
        out_of_fold_probabilities(draw(2, seed=1))
