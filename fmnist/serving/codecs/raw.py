"""Codec of raw pixels, one byte each, that tells pixels of another type and files from them."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Images
from fmnist.core.fashion_mnist import IMAGE_SHAPE, PIXELS
from fmnist.errors import PayloadError
from fmnist.serving.codecs.pixels import check_count

_FILES = {
    b"\x93NUMPY": "NumPy",
    b"PK\x03\x04": "zip",
    b"\x1f\x8b\x08": "gzip",
    b"%PDF": "PDF",
    b"<svg": "SVG",
    b"<?xml": "XML",
}
# Widest first: each number of a wider type may be taken for several of a narrower one.
_TYPES = ("float64", "int64", "float32", "int32", "float16", "int16")
_MIN_PIXELS = 32
"""How many that are not black make a type certain."""
_SAMPLE = 16 * PIXELS
"""Values that are looked at: as many as a body can hold would take hundreds of megabytes."""


def images_from_raw(content: bytes) -> Images:
    """Images, uint8 [n, 28, 28], from n x 784 bytes.

    Raises:
        PayloadError: BAD_IMAGE, or TOO_LARGE (HTTP 413).
    """
    if kind := _file_format(content):
        raise PayloadError(
            f"expected a PNG, a JPEG or raw pixels, got a {kind} file; convert it to PNG", reason="BAD_IMAGE"
        )
    if len(content) % PIXELS:
        raise PayloadError(
            f"expected a PNG, a JPEG, or a multiple of {PIXELS} bytes of pixels, got {len(content)} bytes "
            f"that begin with {content[:8].hex(' ')}",
            reason="BAD_IMAGE",
        )
    if kind := _wide_type(content):
        raise PayloadError(
            f"expected one byte a pixel (uint8, 0-255), got {len(content)} bytes that look like "
            f"{kind}; send pixels.astype(numpy.uint8).tobytes(), before any scaling",
            reason="BAD_IMAGE",
        )
    check_count(len(content) // PIXELS)
    return np.frombuffer(content, np.uint8).reshape(-1, *IMAGE_SHAPE)


def _file_format(content: bytes) -> str | None:
    """Format of a file that some library would open; None for pixels."""
    for signature, name in _FILES.items():
        if content.startswith(signature):
            return name
    if content[4:8] == b"ftyp":
        return "HEIC, AVIF or video"
    from PIL import Image

    Image.init()
    try:
        # Not the formats that Pillow knows by no signature: it takes some garments for TGA.
        formats = [name for name, (_, accept) in Image.OPEN.items() if accept and accept(content[:16])]
        if not formats:
            return None
        with Image.open(BytesIO(content), formats=formats) as picture:
            return picture.format
    # Each of Pillow's forty formats has errors of its own.
    except Exception:  # noqa: BLE001
        return None


def _wide_type(content: bytes) -> str | None:
    """The type of which the bytes are pixels, if it takes several bytes for each."""
    for name in _TYPES:
        little = np.dtype(name)
        if len(content) % (PIXELS * little.itemsize):
            continue
        for dtype in (little, little.newbyteorder(">")):
            numbers = np.frombuffer(content[: _SAMPLE * dtype.itemsize], dtype)
            with np.errstate(all="ignore"):
                is_fraction = name in ("float32", "float64") and _are_fractions(numbers)
                if is_fraction or _are_pixels(numbers.astype(np.float64)):
                    return name
    return "grey in three channels" if _are_triples(content) else None


def _are_triples(content: bytes) -> bool:
    """Whether each pixel is there three times in a row, as in a grey picture's red, green and blue."""
    if len(content) % (3 * PIXELS):
        return False
    triples = np.frombuffer(content[: 3 * _SAMPLE], np.uint8).reshape(-1, 3)
    return bool((triples == triples[:, :1]).all()) and len(np.unique(triples)) > 8


def _are_pixels(values: NDArray[np.float64]) -> bool:
    """Whether these are whole numbers 0-255, also scaled to 0-1 or -1-1."""
    for scaled, rounding in ((values, 0.0), (values * 255, 0.1), ((values + 1) * 127.5, 0.1)):
        pixels = np.rint(scaled)
        if (
            (np.abs(scaled - pixels) <= rounding).all()
            and pixels.min() >= 0
            and pixels.max() <= 255
            and np.count_nonzero(pixels) >= _MIN_PIXELS
            and (not rounding or len(np.unique(pixels)) > 4)
        ):
            return True
    return False


def _are_fractions(numbers: NDArray[Any]) -> bool:
    """Whether these are of an ordinary size, such as standardised pixels.

    Grey pixels could be those as well, but then their bytes would not differ as a fraction's last ones do.
    """
    numbers = numbers[numbers != 0]
    sizes = np.abs(numbers)
    if len(sizes) < _MIN_PIXELS or not ((sizes > 2.0**-20) & (sizes < 2.0**9)).all():
        return False
    ends = numbers.view(np.uint8).reshape(len(numbers), -1)[:, (0, -1)]
    return bool((np.ptp(ends, axis=0) > 128).any())
