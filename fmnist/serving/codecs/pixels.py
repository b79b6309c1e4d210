"""Codec of lists of numbers, to images. No Python loop runs over pixels: sets of types check the lists."""

import math
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Images
from fmnist.core.fashion_mnist import IMAGE_SHAPE, PIXELS
from fmnist.errors import PayloadError

MAX_IMAGES = 1024
"""Limit of images in one request."""

ACCEPTED = "[28,28], [n,28,28], [n,28,28,1], [784] or [n,784]"

_MAX_RANK = 4
_JSON_NAMES = {bool: "true or false", str: "text", type(None): "null", dict: "an object", list: "a list"}


def images_from_numbers(values: object, declared: object = None) -> Images:
    """Images, uint8 [n, 28, 28], from nested or flat lists of numbers.

    Args:
        values: lists as JSON gives them. Numbers are whole (``255`` or ``255.0``), 0-255.
        declared: the tensor's shape; None for an ndarray, whose nesting is its shape.

    Raises:
        PayloadError: with reason EMPTY, BAD_TYPE, BAD_SHAPE, BAD_RANGE or TOO_LARGE (HTTP 413).
    """
    flat, nesting = _flatten(values)
    shape = nesting if declared is None else _checked_shape(declared, nesting)
    count = _count(shape)
    return _pixels(flat).reshape(count, *IMAGE_SHAPE)


def check_count(images: int) -> None:
    """Raise PayloadError (TOO_LARGE, HTTP 413) if a request holds too many images."""
    if images > MAX_IMAGES:
        raise PayloadError(
            f"expected at most {MAX_IMAGES} images in one request, got {images}; send several requests",
            reason="TOO_LARGE",
            http_status=413,
        )


def _flatten(values: object) -> tuple[list[object], tuple[int, ...]]:
    if not isinstance(values, list):
        raise PayloadError(f"expected a list of pixels, got {_name(type(values))}", reason="BAD_TYPE")
    shape = [len(values)]
    while values:
        kinds = set(map(type, values))
        if list not in kinds:
            return values, tuple(shape)
        lengths = set(map(len, values)) if kinds == {list} else set()
        if len(lengths) != 1:
            raise PayloadError(
                f"expected rows of one length, got a ragged list at depth {len(shape)}", reason="BAD_SHAPE"
            )
        if len(shape) == _MAX_RANK:
            raise PayloadError(f"expected shape {ACCEPTED}, got deeper nesting", reason="BAD_SHAPE")
        shape.append(lengths.pop())
        values = list(chain.from_iterable(values))
    raise PayloadError(f"expected the pixels of at least one image, got shape {shape}", reason="EMPTY")


def _checked_shape(declared: object, nesting: tuple[int, ...]) -> tuple[int, ...]:
    if (
        not isinstance(declared, list)
        or not 1 <= len(declared) <= _MAX_RANK
        or any(type(size) is not int or size < 0 for size in declared)
    ):
        raise PayloadError(
            f"expected the tensor's shape to be {ACCEPTED}, got {_short(declared)}", reason="BAD_SHAPE"
        )
    shape = tuple(declared)
    if nesting not in (shape, (math.prod(shape),)):
        raise PayloadError(
            f"expected {math.prod(shape)} values, flat or nested as the tensor's shape {declared} says, "
            f"got values of shape {list(nesting)}",
            reason="BAD_SHAPE",
        )
    return shape


def _count(shape: tuple[int, ...]) -> int:
    if shape in ((PIXELS,), IMAGE_SHAPE, (*IMAGE_SHAPE, 1)):
        return 1
    if shape[1:] not in ((PIXELS,), IMAGE_SHAPE, (*IMAGE_SHAPE, 1)):
        raise PayloadError(f"expected shape {ACCEPTED}, got {list(shape)}", reason="BAD_SHAPE")
    check_count(shape[0])
    return shape[0]


def _pixels(flat: list[object]) -> Images:
    kinds = set(map(type, flat))
    for kind in kinds - {int, float}:
        raise PayloadError(f"expected whole numbers 0-255, got {_name(kind)} among them", reason="BAD_TYPE")
    try:
        numbers = np.array(flat, np.float64 if float in kinds else np.int64)
    except OverflowError:
        raise PayloadError(
            "expected whole numbers 0-255, got one of more than 18 digits", reason="BAD_RANGE"
        ) from None
    # In this form NaN is out of range, too.
    _refuse(numbers, ~((numbers >= 0) & (numbers <= 255)), reason="BAD_RANGE")
    pixels = numbers.astype(np.uint8)
    fractions = pixels != numbers
    if fractions.any() and numbers.max() <= 1:
        raise PayloadError(
            f"expected whole numbers 0-255, got fractions up to {numbers.max():.4g}: the pixels look "
            "scaled to 0-1; send them as they are in the file, the model scales them itself",
            reason="BAD_RANGE",
        )
    _refuse(numbers, fractions, reason="BAD_TYPE")
    return pixels


def _refuse(numbers: NDArray[np.generic], bad: NDArray[np.bool_], *, reason: str) -> None:
    if bad.any():
        first = int(bad.argmax())
        raise PayloadError(
            f"expected whole numbers 0-255, got {numbers[first]} at position {first} "
            f"(row {first % PIXELS // IMAGE_SHAPE[1]}, column {first % IMAGE_SHAPE[1]} "
            f"of image {first // PIXELS})",
            reason=reason,
        )


def _name(kind: type) -> str:
    return _JSON_NAMES.get(kind, kind.__name__)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
