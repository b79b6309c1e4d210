from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmnist.core.dataset import Images
from fmnist.data.synthetic import draw
from fmnist.experiments.hyperparameters import Augmentation
from fmnist.training.augmentation import VARIATIONS, augment

ALL = Augmentation.model_validate(dict.fromkeys(VARIATIONS, 0.5))


def noise(count: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(1, 256, (count, 28, 28), np.uint8)


def varied(images: Images, **probabilities: float) -> Images:
    return augment(images, Augmentation.model_validate(probabilities), np.random.default_rng(1))


def moved(image: Images, down: int, right: int) -> Images:
    result = np.zeros_like(image)
    rows = slice(max(0, down), 28 + min(0, down)), slice(max(0, -down), 28 + min(0, -down))
    columns = slice(max(0, right), 28 + min(0, right)), slice(max(0, -right), 28 + min(0, -right))
    result[rows[0], columns[0]] = image[rows[1], columns[1]]
    return result


def test_every_field_is_a_variation_in_this_order() -> None:
    assert list(VARIATIONS) == list(Augmentation.model_fields)


def test_nothing_to_do_copies() -> None:
    images = noise(5)
    result = varied(images)
    assert (result == images).all()
    assert not np.shares_memory(result, images)


@pytest.mark.parametrize("name", VARIATIONS)
def test_each_has_a_probability(name: str) -> None:
    images = np.repeat(draw(10, seed=1).images[:1], 2500, axis=0)
    changed = (varied(images, **{name: 0.3}) != images).any(axis=(1, 2)).mean()
    # Some shifts are by no pixel, some pictures have few levels anyway.
    assert 0.2 < changed < 0.35


@pytest.mark.parametrize("name", VARIATIONS)
def test_each_keeps_the_garment_recognisable(name: str) -> None:
    images = draw(200, seed=1).images
    difference = np.abs(varied(images, **{name: 1}).astype(int) - images).mean()
    limit = 90 if name == "vertical_flip" else 45
    assert 0 < difference < limit


@settings(max_examples=20, deadline=None)  # a busy machine is no error
@given(seed=st.integers(0, 2**32))
def test_the_generator_decides_and_the_images_stay(seed: int) -> None:
    images = noise(40)
    before = images.copy()
    first, again, other = (augment(images, ALL, np.random.default_rng(s)) for s in (seed, seed, seed + 1))
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()
    assert (images == before).all()


def test_flips_mirror() -> None:
    images = noise(5)
    assert (varied(images, flip=1) == images[:, :, ::-1]).all()
    assert (varied(images, vertical_flip=1) == images[:, ::-1]).all()


def test_shift_moves_by_at_most_two_pixels_and_fills_with_black() -> None:
    (image,) = images = noise(1)
    results = varied(np.repeat(images, 1000, axis=0), shift=1)
    places = {moved(image, down, right).tobytes() for down in range(-2, 3) for right in range(-2, 3)}
    assert {result.tobytes() for result in results} == places


def test_rotate_turns_around_the_middle() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[10:18, 10:18] = 200
    image[2, 14] = 255
    results = varied(np.repeat(image[np.newaxis], 500, axis=0), rotate=1)
    assert (results[:, 13:15, 13:15] == 200).all()
    columns = results[:, :6].max(axis=1).argmax(axis=1)
    assert (columns.min(), columns.max()) == (12, 16)


def test_crop_shows_a_part_as_large_as_the_whole() -> None:
    ramp = np.broadcast_to(np.arange(28, dtype=np.uint8) * 9, (500, 28, 28))
    results = varied(ramp, crop=1).astype(int)
    spans = results[:, 14, -1] - results[:, 14, 0]
    assert spans.max() <= 27 * 9
    assert 20 * 9 < spans.min() < 23 * 9
    assert (np.diff(results, axis=2) >= 0).all()


def test_brightness_scales_and_contrast_spreads_around_the_mean() -> None:
    images = np.tile(np.array([[60, 120]], np.uint8), (500, 28, 14))
    bright, spread = (varied(images, **{name: 1}).astype(int) for name in ("brightness", "contrast"))
    assert np.abs(bright[:, 0, 1] - 2 * bright[:, 0, 0]).max() <= 2
    assert (bright[:, 0, 0].min(), bright[:, 0, 0].max()) == (
        pytest.approx(36, abs=2),
        pytest.approx(84, abs=2),
    )
    assert np.abs(spread.mean(axis=(1, 2)) - 90).max() <= 1
    distance = spread[:, 0, 1] - spread[:, 0, 0]
    assert (distance.min(), distance.max()) == (pytest.approx(36, abs=2), pytest.approx(84, abs=2))


def test_posterize_keeps_few_levels() -> None:
    levels = [len(np.unique(image)) for image in varied(noise(200), posterize=1)]
    assert set(levels) == {4, 8, 16}


def test_blur_spreads_a_point_and_keeps_an_even_picture() -> None:
    images: NDArray[Any] = np.zeros((2, 28, 28), np.uint8)
    images[0, 5, 5] = 160
    images[1] = 77
    point, even = varied(images, blur=1)
    assert point[4:7, 4:7].tolist() == [[10, 20, 10], [20, 40, 20], [10, 20, 10]]
    assert point.sum() == 160
    assert (even == 77).all()


def test_erase_puts_noise_in_a_square() -> None:
    # Few squares reach into a corner.
    images = np.zeros((5000, 28, 28), np.uint8)
    changed = varied(images, erase=1) > 0
    heights, widths = changed.any(axis=2).sum(axis=1), changed.any(axis=1).sum(axis=1)
    assert set(heights) == set(widths) == {8, 9, 10, 11, 12}
    assert changed.any(axis=0).all()
    assert (changed.sum(axis=(1, 2)) > 0.95 * heights * widths).all()
