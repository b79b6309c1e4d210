import numpy as np
import pytest

from fmnist.gate.corruptions import CORRUPTIONS, moved_by_one_pixel
from tests.support.blocks import block_images

_IMAGES = block_images(per_class=4).images


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_pictures_stay_pictures_change_and_are_the_same_again(name: str) -> None:
    before = _IMAGES.copy()
    corrupted = CORRUPTIONS[name](_IMAGES)
    assert corrupted.dtype == np.uint8
    assert corrupted.shape == _IMAGES.shape
    assert np.array_equal(_IMAGES, before)
    assert np.array_equal(corrupted, CORRUPTIONS[name](_IMAGES))
    assert (corrupted != _IMAGES).any(axis=(1, 2)).mean() > 0.9


def test_blur_keeps_what_is_flat_and_spreads_a_point() -> None:
    point = np.zeros((1, 28, 28), np.uint8)
    point[0, 10, 10] = 160
    blurred = CORRUPTIONS["blur"](point)[0]
    assert blurred[9:12, 9:12].tolist() == [[10, 20, 10], [20, 40, 20], [10, 20, 10]]
    flat = np.full((1, 28, 28), 77, np.uint8)
    assert np.array_equal(CORRUPTIONS["blur"](flat), flat)


def test_less_light_and_less_contrast() -> None:
    image = np.tile(np.array([0, 100], np.uint8), (1, 28, 14))
    assert set(np.unique(CORRUPTIONS["brightness"](image))) == {0, 70}
    low, high = np.unique(CORRUPTIONS["contrast"](image))
    assert 0 < low < 50 < high < 100


def test_a_step_of_a_pixel_goes_each_way_in_turn() -> None:
    images = np.zeros((5, 28, 28), np.uint8)
    images[:, 10, 20] = 255
    places = [tuple(map(int, np.argwhere(image)[0])) for image in moved_by_one_pixel(images)]
    assert places == [(9, 20), (11, 20), (10, 19), (10, 21), (9, 20)]


def test_shifts_move_by_at_most_two_pixels() -> None:
    images = np.zeros((50, 28, 28), np.uint8)
    images[:, 10, 20] = 255
    moves = {tuple(map(int, np.argwhere(image)[0] - (10, 20))) for image in CORRUPTIONS["shift"](images)}
    assert len(moves) > 10
    assert all(max(map(abs, move)) <= 2 for move in moves)


def test_what_leaves_the_picture_is_gone() -> None:
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 0, :] = 255
    assert moved_by_one_pixel(images).sum() == 0
