import numpy as np
import pytest

from fmnist.core.dataset import Dataset
from fmnist.errors import DataError
from fmnist.training.split import split


def noise(count: int, seed: int = 0) -> Dataset:
    random = np.random.default_rng(seed)
    return Dataset(
        random.integers(0, 256, (count, 28, 28), np.uint8), random.integers(0, 10, count).astype(np.uint8)
    )


def rows(dataset: Dataset) -> set[bytes]:
    return {
        image.tobytes() + bytes([label]) for image, label in zip(dataset.images, dataset.labels, strict=True)
    }


def test_every_image_is_on_one_side_with_its_label() -> None:
    whole = noise(1000)
    training, validation = split(whole, 0.2)
    assert rows(training) | rows(validation) == rows(whole)
    assert len(training) + len(validation) == len(whole)


def test_about_as_many_as_asked_for_are_held_out() -> None:
    # Five standard deviations of 4,000 draws at 0.1.
    assert abs(len(split(noise(4000), 0.1)[1]) / 4000 - 0.1) < 0.024


def test_appending_and_reordering_moves_no_image() -> None:
    old = noise(500)
    new = noise(500, seed=1)
    both = Dataset(np.concatenate([new.images, old.images]), np.concatenate([new.labels, old.labels]))
    assert rows(split(old, 0.2)[0]) < rows(split(both, 0.2)[0])
    assert rows(split(old, 0.2)[1]) < rows(split(both, 0.2)[1])


def test_more_held_out_keeps_those_that_were() -> None:
    whole = noise(500)
    assert rows(split(whole, 0.1)[1]) < rows(split(whole, 0.3)[1])


def test_equal_images_are_on_one_side() -> None:
    one = noise(100)
    twice = Dataset(np.concatenate([one.images, one.images]), np.concatenate([one.labels, one.labels]))
    training, validation = split(twice, 0.3)
    assert not rows(training) & rows(validation)


def test_each_class_is_held_out_near_its_share() -> None:
    whole = noise(20_000)
    held_out = split(whole, 0.1)[1]
    shares = np.bincount(held_out.labels) / np.bincount(whole.labels)
    # Five standard deviations of 2,000 draws at 0.1.
    assert np.abs(shares - 0.1).max() < 0.034


def test_nothing_is_held_out_for_a_final_model() -> None:
    whole = noise(50)
    training, validation = split(whole, 0)
    assert training is whole
    assert (len(validation), validation.images.shape) == (0, (0, 28, 28))


@pytest.mark.parametrize(("count", "share", "missing"), [(3, 1e-9, "validate on"), (3, 1 - 1e-9, "train on")])
def test_an_empty_side_is_refused(count: int, share: float, missing: str) -> None:
    with pytest.raises(DataError, match=f"of 3 images leaves no image to {missing}"):
        split(noise(count), share)
