"""The port to the model registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fmnist.bundle import Bundle, Metadata


@dataclass(frozen=True)
class ModelVersion:
    """A registered bundle. ``annotations`` hold what later stages wrote, JSON text by namespaced key."""

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

    def set_champion(self, model: str, number: int) -> None:
        """Let the registry call that version the model's champion, and no other.

        It only mirrors the promotion log, for who looks at the registry; the last writer wins.

        Raises:
            NotFoundError: there is no such version.
        """
        ...

    def champion(self, model: str) -> int | None:
        """The version that is called champion, None if none is."""
        ...

    def download(self, version: ModelVersion, folder: Path) -> Bundle:
        """Copy the bundle out, verified.

        Raises:
            IntegrityError: what is stored is not what was registered.
        """
        ...
