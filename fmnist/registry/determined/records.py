"""What we write into a version of Determined's registry, and read back.

Its metadata is a JSON object. ``bundle_sha256``, ``metadata`` (the bundle's metadata.json, byte for
byte), ``attachments`` and the annotations are read back; all else is for who looks with Determined's
pages. The master replaces the object whole and knows no precondition.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from determined.common.api import bindings

from fmnist.core.bundle import METADATA_FILE, Bundle, parse_metadata
from fmnist.core.names import is_model_name
from fmnist.errors import InputError, IntegrityError, NotFoundError
from fmnist.registry.base import ANNOTATION, SHA256, ModelVersion


def is_name(model: str) -> bool:
    """Whether a model can have that name; the master takes digits alone for an id."""
    return is_model_name(model) and not model.isdecimal()


def check_name(model: str) -> None:
    """Raises InputError unless a model can have that name."""
    if not is_name(model):
        raise InputError(
            f"model name {model!r}: expected letters, digits, dots, dashes, underscores; not digits alone"
        )


@dataclass(frozen=True)
class Record:
    """A version as the master has it."""

    model: str
    number: int
    created: datetime
    checkpoint: bindings.v1Checkpoint
    values: Mapping[str, Any]

    @classmethod
    def read(cls, entity: bindings.v1ModelVersion) -> "Record":
        return cls(
            model=entity.model.name,
            number=entity.version,
            created=datetime.fromisoformat(entity.creationTime),
            checkpoint=entity.checkpoint,
            values=entity.metadata or {},
        )

    @property
    def name(self) -> str:
        return f"version {self.number} of {self.model}"

    @property
    def is_complete(self) -> bool:
        """Whether it was registered by us: ``det model register-version`` writes no metadata."""
        return isinstance(self.values.get("bundle_sha256"), str)

    def version(self) -> ModelVersion:
        """The version as the rest of the project knows it.

        Raises:
            IntegrityError: what it says of its bundle is not what was registered.
        """
        sha256, text = self.values.get("bundle_sha256"), self.values.get("metadata")
        if not isinstance(sha256, str) or not isinstance(text, str):
            raise IntegrityError(f"{self.name}: says nothing of a bundle; was its metadata edited?")
        if hashlib.sha256(text.encode()).hexdigest() != sha256:
            raise IntegrityError(f"{self.name}: its metadata is not the {METADATA_FILE} that was registered")
        return ModelVersion(
            model=self.model,
            number=self.number,
            created=self.created.isoformat(timespec="seconds"),
            bundle_sha256=sha256,
            metadata=parse_metadata(text, self.name),
            annotations={key: value for key, value in self.values.items() if ANNOTATION.fullmatch(key)},
        )

    def attachment(self, sha256: str) -> bytes:
        """Raises NotFoundError or IntegrityError as the port says."""
        packed = self.values.get("attachments", {}).get(sha256)
        if not SHA256.fullmatch(sha256) or packed is None:
            raise NotFoundError(f"{self.name}: nothing attached as {sha256}")
        try:
            content = zlib.decompress(base64.b64decode(packed, validate=True))
        except (ValueError, zlib.error):
            content = b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise IntegrityError(f"{self.name}: attachment {sha256} is not what was attached")
        return content

    def with_attachment(self, content: bytes) -> dict[str, Any]:
        """The values with ``content`` added; attachments are compressed."""
        packed = base64.b64encode(zlib.compress(content, 9)).decode()
        name = hashlib.sha256(content).hexdigest()
        return {**self.values, "attachments": {**self.values.get("attachments", {}), name: packed}}


def described(bundle: Bundle, checkpoint: bindings.v1Checkpoint) -> dict[str, Any]:
    """The values of a new version."""
    metadata, provenance = bundle.metadata, bundle.metadata.provenance
    training = checkpoint.training
    return {
        "bundle_sha256": bundle.sha256,
        "metadata": (bundle.folder / METADATA_FILE).read_bytes().decode(),
        **provenance.fields(),
        "data_sha256": dict(provenance.train_data.sha256),
        "experiment_id": training.experimentId,
        "trial_id": training.trialId,
        "files": dict(metadata.files),
        **{f"validation_{name}": value for name, value in metadata.metrics.items()},
    }


def notes(bundle: Bundle) -> str:
    """What Determined's page of the version shows, as Markdown."""
    metadata = bundle.metadata
    rows = [
        ("Validation", ", ".join(f"{name} {value:.4f}" for name, value in metadata.metrics.items())),
        ("Network", f"{metadata.network}, {metadata.epochs} epochs"),
        *metadata.provenance.fields().items(),
        ("Hyperparameters", f"`{json.dumps(dict(metadata.hyperparameters), sort_keys=True)}`"),
        ("Bundle", f"SHA-256 `{bundle.sha256}`"),
    ]
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {text} |\n" for name, text in rows)
