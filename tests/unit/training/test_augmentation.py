import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist.data.dataset import Images
from fmnist.training.augmentation import augment


def noise(count: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(1, 256, (count, 28, 28), np.uint8)


def moved(image: Images, down: int, right: int) -> Images:
    result = np.zeros_like(image)
    rows = slice(max(0, down), 28 + min(0, down)), slice(max(0, -down), 28 + min(0, -down))
    columns = slice(max(0, right), 28 + min(0, right)), slice(max(0, -right), 28 + min(0, -right))
    result[rows[0], columns[0]] = image[rows[1], columns[1]]
    return result


def test_nothing_to_do_copies() -> None:
    images = noise(5)
    result = augment(images, flip=0, shift=0, random=np.random.default_rng(1))
    assert (result == images).all()
    assert not np.shares_memory(result, images)


def test_flip_mirrors_left_to_right() -> None:
    images = noise(5)
    result = augment(images, flip=1, shift=0, random=np.random.default_rng(1))
    assert (result == images[:, :, ::-1]).all()


def test_flip_is_a_probability() -> None:
    images = noise(2000)
    result = augment(images, flip=0.3, shift=0, random=np.random.default_rng(1))
    assert 0.25 < (result != images).any(axis=(1, 2)).mean() < 0.35


@settings(deadline=None)  # a busy machine is no error
@given(shift=st.integers(1, 8), seed=st.integers(0, 2**32))
def test_shift_moves_by_at_most_so_many_pixels_and_fills_with_black(shift: int, seed: int) -> None:
    (image,) = images = noise(1)
    (result,) = augment(images, flip=0, shift=shift, random=np.random.default_rng(seed))
    reach = range(-shift, shift + 1)
    assert any((result == moved(image, down, right)).all() for down in reach for right in reach)


def test_every_distance_occurs() -> None:
    images = np.repeat(noise(1), 500, axis=0)
    result = augment(images, flip=0, shift=1, random=np.random.default_rng(1))
    assert len(np.unique(result, axis=0)) == 9


def test_the_generator_decides_and_the_images_stay() -> None:
    images = noise(50)
    before = images.copy()
    first, again, other = (augment(images, 0.5, 2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert (images == before).all()
