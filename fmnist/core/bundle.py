"""The checkpoint bundle: the folder that training writes, the registry copies and serving loads.

model.keras     the whole Keras model, optimizer included
model.onnx      what the gate tests and what is served
metadata.json   everything below, with the SHA-256 of the two others
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fmnist.core.provenance import DataReference, Provenance
from fmnist.errors import IntegrityError, NotFoundError
from fmnist.files.atomic import sha256_of, write_atomically

SCHEMA_VERSION = 1
KERAS_FILE = "model.keras"
ONNX_FILE = "model.onnx"
METADATA_FILE = "metadata.json"


@dataclass(frozen=True)
class KnownAnswer:
    """A picture and the probabilities that this very ONNX file gave for it.

    ``image``: 784 bytes (28x28 uint8) in base64; ``probabilities``: ten numbers, 0-1.
    """

    image: str
    probabilities: tuple[float, ...]

    def pixels(self) -> bytes:
        return base64.b64decode(self.image)


@dataclass(frozen=True)
class ReferenceStatistics:
    """What the training images looked like; drift is measured against it.

    ``pixel_histogram``: share of pixels in 16 equal bins of 0-255; ``mean_intensity_quantiles``:
    the 0, 5, …, 100 % quantiles of the images' mean pixel (0-255); ``class_share``: 0-1 per class.
    """

    images: int
    pixel_mean: float
    pixel_std: float
    pixel_histogram: tuple[float, ...]
    mean_intensity_quantiles: tuple[float, ...]
    class_share: tuple[float, ...]


@dataclass(frozen=True)
class Metadata:
    """Content of ``metadata.json``. ``metrics`` are of the validation images, if any were held out."""

    schema_version: int
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

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Metadata":
        """Raises IntegrityError if the text is not a bundle's metadata of this schema version."""
        try:
            raw = json.loads(text)
            if raw["schema_version"] != SCHEMA_VERSION:
                raise IntegrityError(
                    f"{where}: schema_version is {raw['schema_version']}, this fmnist reads "
                    f"{SCHEMA_VERSION}; train again or use the fmnist that wrote it"
                )
            provenance = raw["provenance"]
            reference: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in raw["reference"].items()
            }
            return cls(
                **{
                    **raw,
                    "classes": tuple(raw["classes"]),
                    "known_answer": KnownAnswer(
                        raw["known_answer"]["image"], tuple(raw["known_answer"]["probabilities"])
                    ),
                    "reference": ReferenceStatistics(**reference),
                    "provenance": Provenance(
                        **{**provenance, "train_data": DataReference(**provenance["train_data"])}
                    ),
                }
            )
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{where}: not a bundle's metadata ({error!r})") from error


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk whose files were found to have the sums that its metadata names."""

    folder: Path
    metadata: Metadata
    sha256: str
    """Sum of ``metadata.json``, which holds the sums of the other files: it names the whole bundle."""

    @property
    def keras(self) -> Path:
        return self.folder / KERAS_FILE

    @property
    def onnx(self) -> Path:
        return self.folder / ONNX_FILE


def open_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle.

    Raises:
        NotFoundError: the folder or one of its files is missing.
        IntegrityError: a file is not the one that the metadata names.
    """
    path = folder / METADATA_FILE
    if not path.is_file():
        raise NotFoundError(f"{folder}: no checkpoint bundle here ({METADATA_FILE} is missing)")
    text = path.read_bytes()
    metadata = Metadata.from_json(text.decode(errors="replace"), str(path))
    for name, expected in metadata.files.items():
        file = folder / name
        if not file.is_file():
            raise NotFoundError(f"{file}: missing from the bundle")
        actual = sha256_of(file)
        if actual != expected:
            raise IntegrityError(f"{file}: SHA-256 is {actual}, the bundle's metadata says {expected}")
    return Bundle(folder, metadata, hashlib.sha256(text).hexdigest())


def write_metadata(folder: Path, metadata: Metadata) -> None:
    """Write ``metadata.json`` last: a folder without it is no bundle."""
    write_atomically(folder / METADATA_FILE, metadata.to_json())
