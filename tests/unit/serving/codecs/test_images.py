import base64
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fmnist.core.dataset import Images
from fmnist.errors import PayloadError
from fmnist.serving.codecs.images import MAX_PICTURE_BYTES, bytes_from_base64, images_from_bytes

PIXELS = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


PNG = encoded(Image.fromarray(PIXELS))
JPEG = encoded(Image.fromarray(PIXELS), "JPEG", quality=95)


def refused(content: bytes) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        images_from_bytes(content)
    return caught.value


def outcome(content: bytes) -> Images | PayloadError:
    try:
        return images_from_bytes(content)
    except PayloadError as error:
        return error


def test_a_png_of_the_right_size_keeps_every_pixel() -> None:
    np.testing.assert_array_equal(images_from_bytes(PNG), PIXELS[None])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_in_any_mode_stays_the_same_grey(mode: str) -> None:
    picture = Image.fromarray(PIXELS // 16 * 16)
    images = images_from_bytes(encoded(picture.convert(mode)))
    np.testing.assert_allclose(images[0], PIXELS // 16 * 16, atol=1)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    images = images_from_bytes(encoded(Image.fromarray(PIXELS.astype(np.uint16) * 257)))
    np.testing.assert_array_equal(images[0], PIXELS)


def test_one_bit_is_black_and_white() -> None:
    images = images_from_bytes(encoded(Image.fromarray(PIXELS > 127)))
    np.testing.assert_array_equal(images[0], np.where(PIXELS > 127, 255, 0))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpegs_are_read(mode: str) -> None:
    smooth = Image.linear_gradient("L").resize((28, 28))
    images = images_from_bytes(encoded(smooth.convert(mode), "JPEG", quality=95))
    np.testing.assert_allclose(images[0].astype(int), np.asarray(smooth).astype(int), atol=6)


def test_what_is_transparent_becomes_black() -> None:
    layered = np.full((28, 28, 4), 255, np.uint8)
    layered[:, 14:, 3] = 0
    image = images_from_bytes(encoded(Image.fromarray(layered)))[0]
    assert (image[:, :14] == 255).all()
    assert (image[:, 14:] == 0).all()


def test_another_size_is_fitted_and_padded_with_black() -> None:
    image = images_from_bytes(encoded(Image.new("L", (100, 50), 200)))[0]
    assert (image[:7] == 0).all()
    assert (image[7:21] == 200).all()
    assert (image[21:] == 0).all()


def test_exif_turns_the_picture() -> None:
    picture = Image.fromarray(np.triu(np.full((28, 28), 255, np.uint8)))
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = images_from_bytes(encoded(picture, "PNG", exif=exif))[0]
    np.testing.assert_array_equal(turned, np.asarray(picture)[::-1, ::-1])


def test_raw_pixels_are_as_many_images_as_they_are() -> None:
    content = bytes(range(256)) * 49
    images = images_from_bytes(content)
    assert images.shape == (16, 28, 28)
    assert images.tobytes() == content


@pytest.mark.parametrize(
    ("content", "reason", "status"),
    [
        (b"", "EMPTY", 400),
        (b"abc", "BAD_IMAGE", 400),
        (b"GIF89a" + bytes(100), "BAD_IMAGE", 400),
        (PNG[:100], "BAD_IMAGE", 400),
        (JPEG[:100], "BAD_IMAGE", 400),
        (PNG[:8] + bytes(776), "BAD_IMAGE", 400),
        (bytes(784 * 1025), "TOO_LARGE", 413),
    ],
)
def test_a_bad_picture_is_named(content: bytes, reason: str, status: int) -> None:
    error = refused(content)
    assert (error.reason, error.http_status) == (reason, status)
    assert "expected" in str(error)


@pytest.mark.parametrize("side", [8945, 20_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bomb = PNG[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    error = refused(bomb)
    assert error.reason in ("TOO_LARGE", "BAD_IMAGE")
    assert len(bomb) < 200
    assert side * side > MAX_PICTURE_BYTES


@settings(deadline=None)
@given(st.sampled_from([PNG, JPEG]), st.integers(0, 2000), st.integers(0, 255), st.integers(1, 2000))
def test_a_damaged_picture_is_images_or_a_payload_error(
    content: bytes, position: int, value: int, keep: int
) -> None:
    damaged = bytearray(content)
    damaged[position % len(content)] = value
    result = outcome(bytes(damaged[:keep]))
    if isinstance(result, PayloadError):
        assert result.http_status in (400, 413)
    else:
        assert result.shape[1:] == (28, 28)


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "data:;base64,"])
def test_base64_with_line_breaks_or_as_a_data_url(prefix: str) -> None:
    assert bytes_from_base64(prefix + base64.encodebytes(PNG).decode()) == PNG
    assert bytes_from_base64(prefix + base64.b64encode(PNG).decode()) == PNG


@pytest.mark.parametrize("text", ["ab=c", "abc", "ä", "a-_b", "data:image/png,abcd", "%%%%"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(PayloadError) as caught:
        bytes_from_base64(text)
    assert caught.value.reason == "BAD_BASE64"


def _garment(side: int, mode: str = "RGB") -> Image.Image:
    """A smooth garment, light on black."""
    small = Image.fromarray(np.pad(np.full((20, 16), 180, np.uint8), ((4, 4), (6, 6))))
    return small.resize((side, side * 3 // 4), Image.Resampling.BICUBIC).convert(mode)


@pytest.mark.parametrize(
    ("kind", "mode", "side"),
    [
        ("PNG", "RGBA", 4000),
        ("JPEG", "RGB", 4000),
        ("PNG", "L", 1200),
        ("PNG", "RGB", 1200),
        ("PNG", "P", 1200),
        ("PNG", "1", 1200),
        ("JPEG", "CMYK", 1200),
    ],
)
def test_a_photo_of_twelve_megapixels_is_scaled_down(kind: str, mode: str, side: int) -> None:
    large = images_from_bytes(encoded(_garment(side, mode), kind))
    small = images_from_bytes(encoded(_garment(80)))
    assert np.abs(large.astype(int) - small).mean() < (12 if mode == "1" else 4)


def test_a_large_picture_with_sixteen_bits_or_a_clear_ground_is_the_same_picture() -> None:
    expected = images_from_bytes(encoded(_garment(800, "L")))
    wide = Image.fromarray(np.asarray(_garment(800, "L")).astype(np.uint16) * 257)
    np.testing.assert_allclose(images_from_bytes(encoded(wide)).astype(int), expected, atol=2)
    white = Image.new("L", _garment(800).size, 255)
    mask = _garment(800, "L").point(lambda value: 255 if value > 90 else 0)
    layered = Image.merge("RGBA", (white, white, white, mask))
    shown = images_from_bytes(encoded(layered))
    np.testing.assert_allclose(shown.astype(int), images_from_bytes(encoded(mask)), atol=2)


def test_what_would_take_too_much_memory_is_refused() -> None:
    error = refused(encoded(Image.new("RGB", (5000, 4001))))
    assert (error.reason, error.http_status) == ("TOO_LARGE", 413)
    assert "80 MB" in str(error)
    assert refused(encoded(Image.new("RGB", (4000, 3400)), "JPEG", progressive=True)).reason == "TOO_LARGE"
    assert images_from_bytes(encoded(Image.new("RGB", (8000, 6000)), "JPEG")).shape == (1, 28, 28)
