"""The checkpoint bundle: the folder that training writes, the registry copies and serving loads.

model.keras     the whole Keras model, including the optimizer's state
model.onnx      the graph that the gate tests and that is served
metadata.json   a ``Metadata`` record, with the SHA-256 of the two other files
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.core.provenance import Provenance
from fmnist.errors import IntegrityError, NotFoundError
from fmnist.files.atomic import sha256_of, write_atomically
from fmnist.files.documents import parse_record, record_text
from fmnist.files.paths import check_name

SCHEMA_VERSION = 1
KERAS_FILE = "model.keras"
ONNX_FILE = "model.onnx"
METADATA_FILE = "metadata.json"


@dataclass(frozen=True)
class KnownAnswer:
    """Golden sample: an image and the probabilities that this very ONNX file gave for it.

    Attributes:
        image: 784 bytes (28x28 uint8) in base64.
        probabilities: ten numbers, 0-1.
    """

    image: str
    probabilities: tuple[float, ...]

    def pixels(self) -> bytes:
        return base64.b64decode(self.image)


@dataclass(frozen=True)
class ReferenceStatistics:
    """Statistics of the training images, against which drift is measured.

    Attributes:
        pixel_histogram: share of the pixels in each of 16 equal bins of 0-255.
        mean_intensity_quantiles: the 0, 5, …, 100 % quantiles of the images' mean pixel, 0-255.
        class_share: share of the images in each class, 0-1.
    """

    images: int
    pixel_mean: float
    pixel_std: float
    pixel_histogram: tuple[float, ...]
    mean_intensity_quantiles: tuple[float, ...]
    class_share: tuple[float, ...]


@dataclass(frozen=True)
class Metadata:
    """Content of ``metadata.json``.

    Attributes:
        metrics: of the validation images; empty if none were held out.
        versions: of the libraries that trained and exported the model, by name.
        files: SHA-256 by file name.
    """

    model: str
    network: str
    classes: tuple[str, ...]
    input: str
    preprocessing: str
    epochs: int
    hyperparameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    provenance: Provenance
    known_answer: KnownAnswer
    reference: ReferenceStatistics
    versions: Mapping[str, str]
    files: Mapping[str, str]


def metadata_text(metadata: Metadata) -> str:
    """Content of a new bundle's ``metadata.json``."""
    return record_text(metadata, SCHEMA_VERSION)


def parse_metadata(text: str, where: str) -> Metadata:
    """Read the content of a ``metadata.json``, which ``where`` names in messages.

    Raises:
        IntegrityError: the text is not a bundle's metadata of this schema version, or names a file that
            would lie outside of the bundle's folder.
    """
    metadata = parse_record(text, Metadata, where, SCHEMA_VERSION)
    for name in metadata.files:
        check_name(name, where)
    return metadata


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk whose files have the digests that its metadata names.

    >>> from pathlib import Path
    >>> from fmnist import open_bundle
    >>> bundle = open_bundle(Path("checkpoint"))
    >>> bundle.onnx.name, len(bundle.sha256)
    ('model.onnx', 64)
    """

    folder: Path
    metadata: Metadata
    sha256: str
    """Digest of ``metadata.json``, which holds those of the other files: it identifies the whole bundle."""

    @property
    def keras(self) -> Path:
        return self.folder / KERAS_FILE

    @property
    def onnx(self) -> Path:
        return self.folder / ONNX_FILE


def open_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle.

        >>> from pathlib import Path
        >>> from fmnist import open_bundle
        >>> open_bundle(Path("checkpoint")).metadata.network
        'linear'

    Raises:
        NotFoundError: the folder or one of its files is missing.
        IntegrityError: a file is not the one that the metadata names.
    """
    path = folder / METADATA_FILE
    if not path.is_file():
        raise NotFoundError(f"{folder}: no checkpoint bundle here ({METADATA_FILE} is missing)")
    text = path.read_bytes()
    metadata = parse_metadata(text.decode(errors="replace"), str(path))
    for name, expected in metadata.files.items():
        file = folder / name
        if not file.is_file():
            raise NotFoundError(f"{file}: missing from the bundle")
        actual = sha256_of(file)
        if actual != expected:
            raise IntegrityError(f"{file}: SHA-256 is {actual}, the bundle's metadata says {expected}")
    return Bundle(folder, metadata, hashlib.sha256(text).hexdigest())


def write_metadata(folder: Path, metadata: Metadata) -> None:
    """Write ``metadata.json``, last of all: a folder without it is not a bundle."""
    write_atomically(folder / METADATA_FILE, metadata_text(metadata))
