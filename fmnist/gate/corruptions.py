"""Image corruptions of the robustness rules: the same images always give the same result.

Input and output are uint8 images, 0-255, shape [n, 28, 28].
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Images

_SEED = 20170825
_NOISE = 20.0
_BRIGHTNESS = 0.7
_CONTRAST = 0.75
_SHIFT = 2


def _noise(images: Images) -> Images:
    """Gaussian noise with a standard deviation of 20 grey levels."""
    grain = np.random.default_rng(_SEED).normal(0, _NOISE, images.shape)
    return _pixels(images + grain)


def _blur(images: Images) -> Images:
    """Binomial blur, kernel 1-2-1, in both directions."""
    padded = np.pad(images.astype(np.float64), ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    return _pixels((rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16)


def _brightness(images: Images) -> Images:
    """30 % darker."""
    return _pixels(images * _BRIGHTNESS)


def _shift(images: Images) -> Images:
    """A random shift of each image by up to two pixels, filled with black."""
    moves = np.random.default_rng(_SEED).integers(-_SHIFT, _SHIFT + 1, (len(images), 2))
    return _moved(images, moves)


def _contrast(images: Images) -> Images:
    """25 % less contrast around each image's mean."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    return _pixels(mean + (images - mean) * _CONTRAST)


CORRUPTIONS: Mapping[str, Callable[[Images], Images]] = {
    "noise": _noise,
    "blur": _blur,
    "brightness": _brightness,
    "shift": _shift,
    "contrast": _contrast,
}


def moved_by_one_pixel(images: Images) -> Images:
    """A shift of each image by one pixel, up, down, left and right in turn, filled with black."""
    steps = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])
    return _moved(images, steps[np.arange(len(images)) % len(steps)])


def _moved(images: Images, moves: NDArray[np.int64]) -> Images:
    moved = np.empty_like(images)
    margin = int(np.abs(moves).max(initial=0))
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    height, width = images.shape[1:]
    for down, right in np.unique(moves, axis=0):
        chosen = (moves == (down, right)).all(axis=1)
        top, left = margin - down, margin - right
        moved[chosen] = padded[chosen, top : top + height, left : left + width]
    return moved


def _pixels(values: NDArray[np.float64]) -> Images:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
