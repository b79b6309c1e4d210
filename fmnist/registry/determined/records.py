"""Metadata of a version in Determined's registry, as it is written and read back.

Its metadata is a JSON object. ``bundle_sha256``, ``metadata`` (the bundle's metadata.json, byte for
byte), ``attachments`` and the annotations are read back; all else is for who looks with Determined's
pages. The master replaces the object whole and knows no precondition.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    def time(self) -> str:
        """Of its registration, ISO 8601 in UTC."""
        return self.created.isoformat(timespec="seconds")

    @property
    def bundle_sha256(self) -> str | None:
        """None if it was registered by hand: ``det model register-version`` writes no metadata."""
        sha256 = self.values.get("bundle_sha256")
        return sha256 if isinstance(sha256, str) and SHA256.fullmatch(sha256) else None

    def with_values(self, told: Mapping[str, Any]) -> "Record":
        """The record with what its bundle says, by ``values_of``; other values that people wrote stay."""
        own = {key: told[key] for key in ("bundle_sha256", "metadata")}
        return replace(self, values={**told, **self.values, **own})

    def version(self) -> ModelVersion:
        """The version as the rest of the project knows it.

        Raises:
            IntegrityError: what it says of its bundle is not what was registered.
        """
        sha256, text = self.bundle_sha256, self.values.get("metadata")
        if sha256 is None or hashlib.sha256(str(text).encode()).hexdigest() != sha256:
            raise IntegrityError(
                f"{self.name}: its metadata is not the {METADATA_FILE} that was registered; "
                f"fmnist models complete {self.number} writes it again"
            )
        return ModelVersion(
            model=self.model,
            number=self.number,
            created=self.time,
            bundle_sha256=sha256,
            metadata=parse_metadata(str(text), self.name),
            annotations={key: str(value) for key, value in self.values.items() if ANNOTATION.fullmatch(key)},
        )

    def attachment(self, sha256: str) -> bytes:
        """Raises NotFoundError or IntegrityError as the port says."""
        packed = self._attachments.get(sha256)
        if not SHA256.fullmatch(sha256) or not isinstance(packed, str):
            raise NotFoundError(f"{self.name}: nothing attached as {sha256}")
        try:
            content = zlib.decompress(base64.b64decode(packed, validate=True))
        except (ValueError, zlib.error):
            content = b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise IntegrityError(f"{self.name}: attachment {sha256} is not what was attached")
        return content

    @property
    def _attachments(self) -> Mapping[str, Any]:
        kept = self.values.get("attachments")
        return kept if isinstance(kept, Mapping) else {}

    def with_attachment(self, content: bytes) -> dict[str, Any]:
        """The values with ``content`` added; attachments are compressed."""
        packed = base64.b64encode(zlib.compress(content, 9)).decode()
        name = hashlib.sha256(content).hexdigest()
        return {**self.values, "attachments": {**self._attachments, name: packed}}


def values_of(bundle: Bundle, checkpoint: bindings.v1Checkpoint) -> dict[str, Any]:
    """The values of a version with this bundle."""
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
