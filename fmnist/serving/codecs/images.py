"""Codec of binary input: PNG and JPEG files, or raw pixels, to images."""

import binascii
import re
import struct
import threading
import zlib
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from fmnist.core.dataset import Images
from fmnist.core.fashion_mnist import IMAGE_SHAPE, PIXELS
from fmnist.errors import PayloadError
from fmnist.serving.codecs.pixels import check_count

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PICTURE_PIXELS = 2048 * 2048
"""Limit of a picture's width times height, checked before it is decoded."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_DATA_URL = re.compile(rb"data:[^,]{0,100};base64,")
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error, zlib.error)
"""Errors of Pillow's decoders on files that are cut off or forged."""

# One large picture at a time: a decoded one takes up to 4 bytes a pixel, twice.
_decoding = threading.Lock()


def bytes_from_base64(text: str | bytes) -> bytes:
    """Decode base64, also with line breaks or as a ``data:`` URL.

    Raises:
        PayloadError: BAD_BASE64.
    """
    try:
        encoded = b"".join((text.encode("ascii") if isinstance(text, str) else text).split())
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
    if content.startswith((_PNG, _JPEG)):
        with _decoding:
            return _decode(content)
    if len(content) % PIXELS:
        raise PayloadError(
            f"expected a PNG, a JPEG, or a multiple of {PIXELS} bytes of pixels, got {len(content)} bytes "
            f"that begin with {content[:8].hex(' ')}",
            reason="BAD_IMAGE",
        )
    check_count(len(content) // PIXELS)
    return np.frombuffer(content, np.uint8).reshape(-1, *IMAGE_SHAPE)


def _decode(content: bytes) -> Images:
    # Pillow takes 8 MB in each process that has decoded a picture; most never do.
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG")) as picture:
            _check_size(picture)
            picture.draft("L", (2 * IMAGE_SHAPE[0], 2 * IMAGE_SHAPE[1]))
            grey = _greyscale(ImageOps.exif_transpose(picture))
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
    pixels = picture.width * picture.height
    if pixels > MAX_PICTURE_PIXELS:
        raise PayloadError(
            f"expected a picture of at most {MAX_PICTURE_PIXELS} pixels, got {picture.width} x "
            f"{picture.height} = {pixels}; scale it down, the model sees 28 x 28",
            reason="TOO_LARGE",
            http_status=413,
        )


def _greyscale(picture: "Image") -> "Image":
    from PIL import Image

    if picture.mode.startswith("I"):
        # 16 bits a pixel; Pillow's own conversion would clip at 255.
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        black = Image.new("RGBA", layered.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, layered).convert("L")
    return picture.convert("L")
