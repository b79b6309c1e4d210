import gzip
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from fmnist.core.dataset import Images
from fmnist.errors import PayloadError
from fmnist.serving.codecs.raw import images_from_raw


def garments(count: int, seed: int = 0) -> Images:
    """Blurred shapes on black, as garments are, uint8 [n, 28, 28]."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, 28, 28), np.uint8)
    for image in images:
        top, left = rng.integers(1, 8, 2)
        noise = rng.integers(80, 256, (12, 10)).astype(np.uint8)
        image[top : top + 16, left : left + 14] = np.asarray(Image.fromarray(noise).resize((14, 16)))
    return images


def refused(content: bytes) -> str:
    with pytest.raises(PayloadError) as caught:
        images_from_raw(content)
    assert caught.value.reason == "BAD_IMAGE"
    return str(caught.value)


TYPES: dict[str, Callable[[Images], NDArray[Any]]] = {
    "float32": lambda images: images.astype("<f4"),
    "float64": lambda images: images.astype("<f8"),
    "float16": lambda images: images.astype("<f2"),
    "int16": lambda images: images.astype("<i2"),
    "int32": lambda images: images.astype(">i4"),
    "int64": lambda images: images.astype("<i8"),
    "float32 big-endian": lambda images: images.astype(">f4"),
    "float32 0-1": lambda images: (images / 255).astype("<f4"),
    "float64 0-1": lambda images: images / 255,
    "float16 0-1": lambda images: (images / 255).astype("<f2"),
    "float32 -1-1": lambda images: (images / 127.5 - 1).astype("<f4"),
    "float32 standardised": lambda images: ((images / 255 - 0.286) / 0.353).astype("<f4"),
    "float64 standardised": lambda images: (images / 255 - 0.286) / 0.353,
}


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_pixels_of_another_type_are_named(name: str, count: int) -> None:
    message = refused(TYPES[name](garments(count)).tobytes())
    assert f"look like {name.split()[0]};" in message
    assert "uint8" in message


def test_a_picture_in_three_channels_is_named() -> None:
    for count in (1, 2, 30):
        content = garments(count)[..., None].repeat(3, axis=-1).tobytes()
        assert "look like grey in three channels" in refused(content)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 8, 16, 40])
@pytest.mark.parametrize(
    "make",
    [
        garments,
        lambda count: np.zeros((count, 28, 28), np.uint8),
        lambda count: np.full((count, 28, 28), 60, np.uint8),
        lambda count: np.full((count, 28, 28), 255, np.uint8),
        lambda count: np.random.default_rng(1).integers(0, 256, (count, 28, 28), np.uint8),
        lambda count: np.random.default_rng(2).integers(53, 68, (count, 28, 28), np.uint8),
        lambda count: garments(count) // 8,
        lambda count: np.eye(28, dtype=np.uint8)[None].repeat(count, 0),
    ],
)
def test_one_byte_a_pixel_is_taken_for_nothing_else(make: Callable[[int], Images], count: int) -> None:
    images = make(count)
    np.testing.assert_array_equal(images_from_raw(images.tobytes()), images)


def picture(form: str, size: int = 64, **options: object) -> bytes:
    stream = BytesIO()
    Image.linear_gradient("L").resize((size, size)).convert("RGB").save(stream, form, **options)
    return stream.getvalue()


def npy(images: Images) -> bytes:
    stream = BytesIO()
    np.save(stream, images)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        *((picture(form), form) for form in ("GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM", "JPEG2000")),
        (npy(garments(3)), "NumPy"),
        (gzip.compress(garments(3).tobytes()), "gzip"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7 ", "PDF"),
        (b"PK\x03\x04", "zip"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    ],
)
def test_a_file_of_any_length_is_no_pixels(content: bytes, name: str) -> None:
    assert name in refused(content + bytes(-len(content) % 784))
    assert name in refused(content)


@pytest.mark.parametrize("content", [b"\n", b"\0", b"abc", b"\xff"])
def test_few_bytes_are_no_pixels(content: bytes) -> None:
    assert "begin with" in refused(content)


def test_many_images_take_no_more_memory_than_they_have_bytes() -> None:
    content = garments(8).tobytes() * 128
    tracemalloc.start()
    try:
        assert len(images_from_raw(content)) == 1024
        assert "int64" in refused(np.frombuffer(content, np.uint8)[: 1024 * 784].astype("<i8").tobytes())
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


@given(st.binary(min_size=784, max_size=784))
def test_any_other_bytes_are_pixels_or_named(content: bytes) -> None:
    with suppress(PayloadError):
        assert images_from_raw(content).tobytes() == content
