"""IDX, the format of the published files: a magic number, the sizes, then one byte per value."""

import gzip
import struct

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Images, Labels
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE, PIXELS
from fmnist.errors import DataError

IMAGES_MAGIC = 0x803
LABELS_MAGIC = 0x801


def magic_of(content: bytes) -> int | None:
    """The number that the file (not gzipped) begins with; None if it is too short to have one."""
    return struct.unpack(">I", content[:4])[0] if len(content) >= 4 else None


def read_images(name: str, content: bytes) -> Images:
    """Images, uint8 0-255, shape [n, 28, 28], of a file that begins with ``IMAGES_MAGIC``.

    Raises:
        DataError: truncated, too long, or of another image size.
    """
    if len(content) < 16:
        raise DataError(f"{name}: truncated: an IDX image file begins with 16 bytes, it has {len(content)}")
    count, rows, columns = struct.unpack(">3I", content[4:16])
    if (rows, columns) != IMAGE_SHAPE:
        raise DataError(
            f"{name}: its images are {rows}x{columns}, expected {IMAGE_SHAPE[0]}x{IMAGE_SHAPE[1]}"
        )
    _check_length(name, content, 16 + count * PIXELS, f"{count} images")
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, *IMAGE_SHAPE)


def read_labels(name: str, content: bytes) -> Labels:
    """Labels, uint8 0-9, shape [n], of a file that begins with ``LABELS_MAGIC``.

    Raises:
        DataError: truncated, too long, or with a label that is no class.
    """
    if len(content) < 8:
        raise DataError(f"{name}: truncated: an IDX label file begins with 8 bytes, it has {len(content)}")
    (count,) = struct.unpack(">I", content[4:8])
    _check_length(name, content, 8 + count, f"{count} labels")
    labels = np.frombuffer(content, np.uint8, offset=8)
    if wrong := np.flatnonzero(labels >= len(CLASSES))[:1].tolist():
        raise DataError(
            f"{name}: label {wrong[0]} (counted from 0) is {labels[wrong[0]]}, expected 0-{len(CLASSES) - 1}"
        )
    return labels


def write_idx(array: NDArray[np.uint8]) -> bytes:
    """Images [n, 28, 28] or labels [n], uint8, as gzipped IDX; the same array gives the same bytes."""
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes(), compresslevel=6, mtime=0)


def _check_length(name: str, content: bytes, expected: int, holding: str) -> None:
    if len(content) < expected:
        raise DataError(
            f"{name}: truncated: its header says {holding}, {expected} bytes in all, it has {len(content)}"
        )
    if len(content) > expected:
        raise DataError(
            f"{name}: {len(content) - expected} bytes too many after the {holding} that its header says"
        )
