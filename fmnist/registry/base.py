"""The port to the model registry."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fmnist.core.bundle import Bundle, Metadata

ANNOTATION = re.compile(r"fmnist(\.[a-z0-9_-]+)+")
"""Keys of annotations."""
SHA256 = re.compile(r"[0-9a-f]{64}")
CHAMPION = "champion"
"""Key or alias by which a registry shows which version serves."""


@dataclass(frozen=True)
class ModelVersion:
    """A registered bundle.

        >>> from pathlib import Path
        >>> from fmnist import ModelVersion, open_bundle
        >>> bundle = open_bundle(Path("checkpoint"))
        >>> version = ModelVersion("shoes", 1, "2026-01-01", bundle.sha256, bundle.metadata, {})
        >>> version.metadata.epochs
        1

    Attributes:
        number: from 1, by the registry.
        annotations: JSON text of later stages, by namespaced key.
    """

    model: str
    number: int
    created: str
    bundle_sha256: str
    metadata: Metadata
    annotations: Mapping[str, str]


class ModelRegistry(Protocol):
    """Numbered, immutable copies of bundles under a model's name, 1 being the first.

    Registering the same bundle (equal ``bundle.sha256``) again returns the version that exists.
    Only annotations of a version ever change; a key is replaced whole. What is too large for an
    annotation is kept beside the bundle under its SHA-256, whole or not at all, and never changes.

    Eight methods where a port of the house has five: ``attach`` and ``attachment`` let two gates that
    race on one version, or one that dies, leave each verdict with its own evidence, which keys that are
    replaced could not; ``set_champion`` shows people in the registry's own pages who serves.
    """

    def register(self, model: str, bundle: Bundle) -> ModelVersion:
        """Copy the bundle in and number it."""
        ...

    def get(self, model: str, number: int | None = None) -> ModelVersion:
        """That version, or the latest.

        Raises:
            NotFoundError: no such model or version; the message names those that exist.
        """
        ...

    def versions(self, model: str) -> list[ModelVersion]:
        """All versions, newest first; empty if the model is unknown."""
        ...

    def annotate(self, version: ModelVersion, key: str, value: str) -> ModelVersion:
        """Set one annotation (keys look like ``fmnist.gate``) and return the version with it."""
        ...

    def attach(self, version: ModelVersion, content: bytes) -> str:
        """Keep ``content`` beside the bundle; its SHA-256 is what ``attachment`` finds it by."""
        ...

    def attachment(self, version: ModelVersion, sha256: str) -> bytes:
        """What was attached to this version.

        Raises:
            NotFoundError: nothing of that sum was attached.
            IntegrityError: what is stored is not what was attached.
        """
        ...

    def set_champion(self, model: str, number: int) -> int:
        """Let the registry call that version the model's champion, and no other.

        It only mirrors the promotion log, for who looks at the registry; the last writer wins. Returns
        the number that is called champion when read back: another one if someone else was later.

        Raises:
            NotFoundError: there is no such version.
        """
        ...

    def download(self, version: ModelVersion, folder: Path) -> Bundle:
        """Copy the bundle out, verified.

        Raises:
            IntegrityError: what is stored is not what was registered.
        """
        ...
