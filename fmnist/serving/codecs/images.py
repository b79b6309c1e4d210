"""Codec of binary input: PNG and JPEG files to images; raw pixels have a codec of their own."""

import binascii
import re
import struct
import threading
import zlib
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from fmnist.core.dataset import Images
from fmnist.core.fashion_mnist import IMAGE_SHAPE
from fmnist.errors import PayloadError
from fmnist.serving.codecs.raw import images_from_raw

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PICTURE_BYTES = 80_000_000
"""Limit of what a picture takes in memory while it is decoded, checked before that."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_DATA_URL = re.compile(rb"data:[^,]{0,100};base64,")
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error, zlib.error)
"""Errors of Pillow's decoders on files that are cut off or forged."""

# What Pillow, NumPy and libjpeg hold of each pixel; a JPEG is scaled down while it is decoded, unless it is
# progressive, and its byte a pixel stands for the time that takes.
_BYTES_A_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 5, "I;16B": 5}
_JPEG_BYTES_A_PIXEL = {False: 1, True: 6}
_SIDE = 4 * max(IMAGE_SHAPE)
"""A larger picture is first averaged to about this side, which keeps its memory and its answer."""

# One picture at a time.
_decoding = threading.Lock()


def bytes_from_base64(text: str) -> bytes:
    """Decode base64, also with line breaks or as a ``data:`` URL.

    Raises:
        PayloadError: BAD_BASE64.
    """
    try:
        encoded = b"".join(text.encode("ascii").split())
        prefix = _DATA_URL.match(encoded)
        return binascii.a2b_base64(encoded[prefix.end() :] if prefix else encoded, strict_mode=True)
    except ValueError as error:
        raise PayloadError(f"expected base64, got something else: {error}", reason="BAD_BASE64") from None


def images_from_bytes(content: bytes) -> Images:
    """Images, uint8 [n, 28, 28], from a PNG or JPEG file (n = 1) or from n x 784 bytes of pixels.

    A picture is converted to greyscale (ITU-R 601 luma), transparency to black, and rotated by its
    EXIF orientation; one of another size is resampled (Lanczos) so that its longer side has 28
    pixels, and padded with black. It is not inverted: garments in Fashion-MNIST are light on black.

    Raises:
        PayloadError: EMPTY, BAD_IMAGE, or TOO_LARGE (HTTP 413).
    """
    if not content:
        raise PayloadError("expected a PNG, a JPEG or pixels, got no bytes", reason="EMPTY")
    if not content.startswith((_PNG, _JPEG)):
        return images_from_raw(content)
    with _decoding:
        return _decode(content)


def _decode(content: bytes) -> Images:
    # Pillow takes 8 MB in each process that has decoded a picture; most never do.
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG")) as picture:
            _check_size(picture)
            picture.draft("L", (2 * IMAGE_SHAPE[0], 2 * IMAGE_SHAPE[1]))
            ImageOps.exif_transpose(picture, in_place=True)
            grey = _greyscale(picture)
    except PayloadError:
        raise
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise PayloadError(
            f"expected a whole PNG or JPEG, got one that cannot be decoded: {error}", reason="BAD_IMAGE"
        ) from None
    if grey.size != IMAGE_SHAPE:
        grey = ImageOps.pad(grey, IMAGE_SHAPE, Image.Resampling.LANCZOS, color=0)
    return np.asarray(grey, np.uint8).reshape(1, *IMAGE_SHAPE)


def _check_size(picture: "Image") -> None:
    if picture.format == "PNG":
        each = 4 if "transparency" in picture.info else _BYTES_A_PIXEL.get(picture.mode, 4)
    else:
        each = _JPEG_BYTES_A_PIXEL["progressive" in picture.info]
    size = picture.width * picture.height * each
    if size > MAX_PICTURE_BYTES:
        raise PayloadError(
            f"expected a picture of at most {MAX_PICTURE_BYTES // 10**6} MB decoded, got {picture.width} x "
            f"{picture.height} pixels of {each} bytes; scale it down, the model sees 28 x 28",
            reason="TOO_LARGE",
            http_status=413,
        )


def _greyscale(picture: "Image") -> "Image":
    """The picture in grey, averaged if it is large, with few copies of a byte a pixel."""
    from PIL import Image, ImageChops

    if picture.mode.startswith("I"):
        # 16 bits a pixel; Pillow's own conversion would clip at 255.
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")
    grey = picture.convert("L")
    if "A" in picture.getbands():
        grey = ImageChops.multiply(grey, picture.getchannel("A"))
    if max(grey.size) >= 2 * _SIDE:
        grey = grey.reduce(max(grey.size) // _SIDE)
    return grey
