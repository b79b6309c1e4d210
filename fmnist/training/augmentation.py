"""Random variations of training images; they happen here, never in the network that is exported.

Ours and not Keras' random layers, which were tried on the same images (Keras 3.15, two cores): flip,
brightness, contrast, shift, posterize, erase and blur take 2 to 21 times as long there, rotation and crop
four fifths and a quarter. Most have no probability per image, and no checkpoint holds the state of their
seeds, by which a resumed training repeats to the bit.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from fmnist.core.dataset import Images
from fmnist.experiments.hyperparameters import Augmentation

_DEGREES = 12.0
_PIXELS = 2
_SMALLEST_CROP = 22
_FACTORS = 0.6, 1.4
_BITS = 2, 4
_ERASED = 8, 12
_CHUNK = 500
"""Number of images that stay in a core's cache."""


def augment(images: Images, augmentation: Augmentation, random: np.random.Generator) -> Images:
    """Augmented copies of images.

    Args:
        images: uint8 [n, 28, 28], 0-255; not changed.
        augmentation: probability of each variation.
        random: source of all random numbers: the same state gives the same copies.
    """
    result = images.copy()
    for name, vary in VARIATIONS.items():
        chosen = np.flatnonzero(random.random(len(images)) < getattr(augmentation, name))
        for start in range(0, len(chosen), _CHUNK):
            rows = chosen[start : start + _CHUNK]
            result[rows] = vary(result[rows], random)
    return result


def _flip(images: Images, random: np.random.Generator) -> Images:
    """Left to right."""
    return images[:, :, ::-1]


def _vertical_flip(images: Images, random: np.random.Generator) -> Images:
    """Top to bottom."""
    return images[:, ::-1]


def _rotate(images: Images, random: np.random.Generator) -> Images:
    """By up to 12 degrees around the middle; black moves in."""
    angles = np.radians(random.uniform(-_DEGREES, _DEGREES, len(images)))
    cosine, sine = np.cos(angles), np.sin(angles)
    middle = images.shape[1] / 2
    left, top = middle * (1 - cosine - sine), middle * (1 - cosine + sine)
    return _sampled(images, np.stack([cosine, sine, left, -sine, cosine, top], axis=1))


def _crop(images: Images, random: np.random.Generator) -> Images:
    """A square part with sides of 22 to 28 pixels, enlarged to the whole."""
    side = images.shape[1]
    scales = random.uniform(_SMALLEST_CROP / side, 1, len(images))
    left, top = random.random((2, len(images))) * (1 - scales) * side
    none = np.zeros(len(images))
    return _sampled(images, np.stack([scales, none, left, none, scales, top], axis=1))


def _sampled(images: Images, matrices: NDArray[np.float64]) -> Images:
    """Transform each image by its affine matrix [n, 6], with bilinear interpolation.

    Pixel (x, y) of the result is the image's at (ax + by + c, dx + ey + f).
    """
    height, width = images.shape[1:]
    # One picture in and one out: to make thousands takes longer than to sample them.
    source = Image.fromarray(images.reshape(-1, width))
    result = Image.new("L", source.size)
    for number, matrix in enumerate(matrices.tolist()):
        top = number * height
        image = source.crop((0, top, width, top + height))
        result.paste(
            image.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR),
            (0, top),
        )
    return np.asarray(result).reshape(images.shape)


def _shift(images: Images, random: np.random.Generator) -> Images:
    """By up to 2 pixels up or down and left or right; black moves in."""
    count, height, width = images.shape
    padded = np.pad(images, ((0, 0), (_PIXELS, _PIXELS), (_PIXELS, _PIXELS)))
    down, right = random.integers(0, 2 * _PIXELS + 1, (2, count))
    windows = sliding_window_view(padded, (1, height, width))
    shifted: Images = windows[np.arange(count), down, right, 0]
    return shifted


def _brightness(images: Images, random: np.random.Generator) -> Images:
    """Every pixel times 0.6 to 1.4."""
    return _spread(images, np.zeros(len(images), np.float32), random)


def _contrast(images: Images, random: np.random.Generator) -> Images:
    """Every pixel's distance from the image's mean times 0.6 to 1.4."""
    return _spread(images, images.mean(axis=(1, 2), dtype=np.float32), random)


def _spread(images: Images, center: NDArray[np.float32], random: np.random.Generator) -> Images:
    factors = random.uniform(*_FACTORS, (len(images), 1, 1)).astype(np.float32)
    middle = center[:, np.newaxis, np.newaxis]
    spread: Images = np.clip(images * factors + middle * (1 - factors), 0, 255).astype(np.uint8)
    return spread


def _posterize(images: Images, random: np.random.Generator) -> Images:
    """Only the 2 to 4 highest bits of each pixel."""
    fewest, most = _BITS
    bits = random.integers(fewest, most + 1, (len(images), 1, 1))
    return images & (0xFF << (8 - bits)).astype(np.uint8)


def _blur(images: Images, random: np.random.Generator) -> Images:
    """Each pixel with its eight neighbours, by the binomial weights 1-2-1 both ways."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge").astype(np.uint16)
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    sums = rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]
    blurred: Images = ((sums + 8) >> 4).astype(np.uint8)
    return blurred


def _erase(images: Images, random: np.random.Generator) -> Images:
    """Noise in a square of 8 to 12 pixels (random erasing: Zhong et al., arXiv 1708.04896)."""
    count, height, _ = images.shape
    smallest, largest = _ERASED
    sides = random.integers(smallest, largest + 1, count)
    corners = (random.random((2, count)) * (height - sides + 1)).astype(np.int64)
    within_rows, within_columns = (
        (np.arange(height) >= corner[:, np.newaxis]) & (np.arange(height) < (corner + sides)[:, np.newaxis])
        for corner in corners
    )
    noise = np.frombuffer(random.bytes(images.size), np.uint8).reshape(images.shape)
    return np.where(within_rows[:, :, np.newaxis] & within_columns[:, np.newaxis], noise, images)


VARIATIONS: dict[str, Callable[[Images, np.random.Generator], Images]] = {
    "flip": _flip,
    "vertical_flip": _vertical_flip,
    "rotate": _rotate,
    "crop": _crop,
    "shift": _shift,
    "brightness": _brightness,
    "contrast": _contrast,
    "posterize": _posterize,
    "blur": _blur,
    "erase": _erase,
}
"""Functions by the fields of ``Augmentation``, in their order."""
