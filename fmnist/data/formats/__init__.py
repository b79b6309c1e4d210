"""From the files of a data commit to a data set: IDX or Kaggle's CSV, gzipped or not.

What a file is, its first bytes say; names and folders do not matter. Other files in the commit
(a README, sums, the marker of synthetic data) are passed over.
"""

import codecs
import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from fmnist.core.dataset import Dataset
from fmnist.data.formats.idx import IMAGES_MAGIC, LABELS_MAGIC, magic_of, read_images, read_labels
from fmnist.data.formats.kaggle_csv import read_csv
from fmnist.errors import DataError

_LOOKS_LIKE_DATA = re.compile(r"idx[13]|ubyte|\.idx\b|\.csv\b|\.gz$", re.IGNORECASE)
_GZIP = b"\x1f\x8b"
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "an empty zip archive",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a WebP picture",
    b"\x93NUMPY": "a NumPy array",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x89HDF": "an HDF5 file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"(\xb5/\xfd": "a Zstandard file",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x03\x08\x00\x00": "little-endian IDX; IDX is big-endian",
    b"\x01\x08\x00\x00": "little-endian IDX; IDX is big-endian",
    b"version https://git-lfs": "a pointer of Git LFS; git lfs pull fetches the file",
    b"<!doctype": "a web page",
    b"<html": "a web page",
}
"""Formats that training does not read, by first bytes."""

_TAR = slice(257, 262)
_SHOWN = 12
"""Files that a message names."""


class _Kind(Enum):
    IMAGES = "IDX images"
    LABELS = "IDX labels"
    TABLE = "CSV"


@dataclass(frozen=True)
class _File:
    name: str
    kind: _Kind
    content: bytes


def read_dataset(files: Mapping[str, bytes]) -> Dataset:
    """The data set that these files hold: one IDX pair, or one CSV.

    Raises:
        DataError: a file cannot be read, images and labels differ in number, or the files are not
            exactly one pair or one CSV. The message names the file and what was expected.
    """
    found = _data_files(files)
    tables = [file for file in found if file.kind is _Kind.TABLE]
    images = [file for file in found if file.kind is _Kind.IMAGES]
    labels = [file for file in found if file.kind is _Kind.LABELS]
    if (len(tables), len(images), len(labels)) not in ((1, 0, 0), (0, 1, 1)):
        listing = ", ".join(f"{file.name} ({file.kind.value})" for file in found) or "none"
        names = [f"{name} ({kind})" if (kind := kind_of(files[name])) else name for name in sorted(files)]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise DataError(
            "expected one IDX file of images with one of labels, or one CSV; of the files "
            f"{', '.join(names[:_SHOWN]) or '(none)'}{more} these hold data: {listing}"
        )
    if tables:
        return read_csv(tables[0].name, tables[0].content)
    dataset = Dataset(
        images=read_images(images[0].name, images[0].content),
        labels=read_labels(labels[0].name, labels[0].content),
    )
    if len(dataset.images) != len(dataset.labels):
        raise DataError(
            f"{images[0].name} holds {len(dataset.images)} images, {labels[0].name} {len(dataset.labels)} "
            "labels; expected as many of each"
        )
    return dataset


def data_in(files: Mapping[str, bytes]) -> set[str]:
    """The names of the files that are, by content or name, meant to be images or labels.

    Raises:
        DataError: one of them cannot be read.
    """
    return {file.name for file in _data_files(files)}


def kind_of(content: bytes) -> str | None:
    """Name of a format that holds images or data, but that training does not read."""
    if content[_TAR] == b"ustar":
        return "a tar archive"
    beginning = content[:32].lower() if content.startswith(b"<") else content
    return next((kind for magic, kind in _OTHER_FORMATS.items() if beginning.startswith(magic)), None)


def _data_files(files: Mapping[str, bytes]) -> list[_File]:
    recognised = (_recognise(name, content) for name, content in sorted(files.items()))
    return [file for file in recognised if file]


def _recognise(name: str, raw: bytes) -> _File | None:
    """The file with its kind; None if it holds no images or labels.

    Raises:
        DataError: it is not readable as what its name or its first bytes promise.
    """
    content = _decompress(name, raw) if raw.startswith(_GZIP) else raw
    magic = magic_of(content)
    if magic == IMAGES_MAGIC:
        return _File(name, _Kind.IMAGES, content)
    if magic == LABELS_MAGIC:
        return _File(name, _Kind.LABELS, content)
    kind = kind_of(content)
    if not kind and (re.search(r"\.csv\b", name, re.IGNORECASE) or _begins_a_table(content)):
        return _File(name, _Kind.TABLE, content)
    if not _LOOKS_LIKE_DATA.search(name.rpartition("/")[2]):
        return None
    if kind:
        raise DataError(f"{name}: is {kind}; expected IDX or CSV, gzipped or not")
    if magic is None:
        raise DataError(f"{name}: truncated: only {len(content)} bytes, expected IDX or CSV")
    raise DataError(
        f"{name}: begins with the magic number 0x{magic:08x}, expected 0x{IMAGES_MAGIC:08x} (images) "
        f"or 0x{LABELS_MAGIC:08x} (labels)"
    )


def _begins_a_table(content: bytes) -> bool:
    return content[:9].removeprefix(codecs.BOM_UTF8).startswith(b"label,")


def _decompress(name: str, raw: bytes) -> bytes:
    try:
        return gzip.decompress(raw)
    except EOFError as error:
        raise DataError(f"{name}: truncated: its gzip stream of {len(raw)} bytes has no end") from error
    except (OSError, zlib.error) as error:
        raise DataError(f"{name}: damaged gzip: {error}") from error
