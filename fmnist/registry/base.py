"""The port to the model registry."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fmnist.core.bundle import Bundle, Metadata
from fmnist.errors import InputError, IntegrityError, NotFoundError, UnavailableError

ANNOTATION = re.compile(r"fmnist(\.[a-z0-9_-]+)+")
"""Keys of annotations."""
SHA256 = re.compile(r"[0-9a-f]{64}")
CHAMPION = "champion"
"""Key or alias by which a registry shows which version serves."""
PROMOTED = "fmnist.promoted"
"""Annotation of versions that are or were champion."""
VERDICT = "fmnist.gate"
"""First part of the annotations that hold the gate's verdicts."""


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


@dataclass(frozen=True)
class UnusableVersion:
    """A version that people made or changed by other means, with the reason why it cannot be used."""

    model: str
    number: int
    created: str
    reason: str


@dataclass(frozen=True)
class Champions:
    """Digests of the bundles that are or were champion, as the promotion log or its mirror has them.

    Attributes:
        current: of the champion; None before the first promotion.
        promoted: of all that ever were champion, the current one included.
    """

    current: str | None = None
    promoted: frozenset[str] = frozenset()


class ModelRegistry(Protocol):
    """Numbered, immutable copies of bundles under a model's name, 1 being the first.

    A version is its bundle: registering the same one (equal ``bundle.sha256``) again returns the version
    that exists, and of several that people made by hand, the one that was tested. Numbers are for people,
    and differ between registries: programs that remember a version remember its digest, and use
    ``find``. Reading never writes; versions that cannot be used hide no other.

    Only annotations of a version ever change; a key is replaced whole. What is too large for an
    annotation is kept beside the bundle under its SHA-256, whole or not at all, and never changes: two
    gates that race on one version, or one that dies, leave each verdict with its own evidence.
    """

    def register(self, model: str, bundle: Bundle) -> ModelVersion:
        """Copy the bundle in and number it."""
        ...

    def get(self, model: str, number: int | None = None) -> ModelVersion:
        """That version, or the latest that can be used.

        Raises:
            NotFoundError: no such model or version; the message names those that exist.
            IntegrityError: the version holds no bundle, or its metadata were edited.
        """
        ...

    def entries(self, model: str) -> list[ModelVersion | UnusableVersion]:
        """All versions, newest first; empty if the model is unknown."""
        ...

    def versions(self, model: str) -> list[ModelVersion]:
        """Those that can be used."""
        ...

    def unusable(self, model: str) -> list[UnusableVersion]:
        """Those that cannot."""
        ...

    def complete(self, model: str, number: int) -> ModelVersion:
        """Record what its bundle says with a version that was registered by hand.

        What people wrote there stays.

        Raises:
            NotFoundError: no such version.
            InputError: it holds no bundle.
            IntegrityError: its bundle is not what was recorded before.
        """
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

        It mirrors the promotion log, for people, and for machines without it; the last writer wins. Returns
        the number that is called champion when read back: another one if someone else was later.

        Raises:
            NotFoundError: there is no such version.
        """
        ...

    def champions(self, model: str) -> Champions:
        """What ``set_champion`` set; it stands in where the promotion log is not at hand."""
        ...

    def download(self, version: ModelVersion, folder: Path) -> Bundle:
        """Copy the bundle out, verified.

        Raises:
            IntegrityError: what is stored is not what was registered.
        """
        ...


class ReadVersions(ABC):
    """The reading methods of an engine that can read each of its versions, or say why not."""

    @abstractmethod
    def entries(self, model: str) -> list[ModelVersion | UnusableVersion]:
        """See ``ModelRegistry``."""

    def versions(self, model: str) -> list[ModelVersion]:
        """See ``ModelRegistry``."""
        return [version for version in self.entries(model) if isinstance(version, ModelVersion)]

    def unusable(self, model: str) -> list[UnusableVersion]:
        """See ``ModelRegistry``."""
        return [version for version in self.entries(model) if isinstance(version, UnusableVersion)]

    def _latest(self, model: str) -> ModelVersion | None:
        """The newest version that can be used; None if there is no version.

        Raises:
            IntegrityError: none can be used.
        """
        entries = self.entries(model)
        usable = next((version for version in entries if isinstance(version, ModelVersion)), None)
        if usable is None and entries:
            raise IntegrityError(next(one.reason for one in entries if isinstance(one, UnusableVersion)))
        return usable


def read_or_reason(
    read: Callable[[], ModelVersion], model: str, number: int, created: str
) -> ModelVersion | UnusableVersion:
    """What ``read`` gives, or the error that it raises as the reason why the version cannot be used."""
    try:
        return read()
    except (InputError, IntegrityError, NotFoundError, UnavailableError) as error:
        name = f"version {number} of {model}: "
        return UnusableVersion(model, number, created, f"{name}{str(error).removeprefix(name)}")


def check_annotation(key: str, value: str, longest: int) -> None:
    """Raises InputError unless the key is one, and the value at most ``longest`` characters."""
    if not ANNOTATION.fullmatch(key):
        raise InputError(f"annotation {key!r}: expected a key like fmnist.gate")
    if len(value) > longest:
        raise InputError(f"annotation {key}: {len(value)} characters, at most {longest} can be kept")


def find(registry: ModelRegistry, model: str, bundle_sha256: str) -> ModelVersion:
    """The version that holds a bundle, whatever its number.

    Raises:
        NotFoundError: no version of the model does.
    """
    found = of_bundle(registry.versions(model), bundle_sha256)
    if found is None:
        raise NotFoundError(f"no version of {model} in the registry holds bundle {bundle_sha256}")
    return found


def of_bundle(versions: Iterable[ModelVersion], bundle_sha256: str) -> ModelVersion | None:
    """The version that holds the bundle; of several, the first that was tested, else the first of all."""
    same = [version for version in versions if version.bundle_sha256 == bundle_sha256]
    return min(same, key=lambda version: (not _is_tested(version), version.number), default=None)


def _is_tested(version: ModelVersion) -> bool:
    return any(key == VERDICT or key.startswith(f"{VERDICT}.") for key in version.annotations)


def champions_of(versions: Iterable[ModelVersion], current: ModelVersion | None) -> Champions:
    """The mirror by the versions that a registry marks."""
    promoted = {version.bundle_sha256 for version in versions if PROMOTED in version.annotations}
    if current is None:
        return Champions(None, frozenset(promoted))
    return Champions(current.bundle_sha256, frozenset(promoted | {current.bundle_sha256}))
