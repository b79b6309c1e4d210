"""Copies of model versions from one registry to another."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fmnist.core.progress import Say
from fmnist.errors import IntegrityError, NotFoundError
from fmnist.registry.base import ModelRegistry, ModelVersion


@dataclass(frozen=True)
class Copied:
    """A version that was copied from ``number`` to ``becomes``, with these annotations."""

    number: int
    becomes: int
    annotations: tuple[str, ...]


@dataclass(frozen=True)
class Migration:
    """A copy of a model's versions, in their order; repeating it changes nothing.

    A version that gets another number, because the target has others already, leaves its annotations
    behind: they name the number.

    Attributes:
        source: is only read.
        target: gets the bundles, checked on both sides.
        attached: digests of a version's attachments.
        is_newer: whether an annotation's first text is to replace the second; else the target's stays.
        say: takes a line about each version that is not copied, or not with all its annotations.
    """

    source: ModelRegistry
    target: ModelRegistry
    attached: Callable[[ModelVersion], Sequence[str]]
    is_newer: Callable[[str, str], bool]
    say: Say

    def run(self, model: str) -> list[Copied]:
        """Copy all versions of ``model`` that can be used.

        Raises:
            NotFoundError: the source has no such model.
            IntegrityError: a bundle is not what was registered.
        """
        self.source.get(model)
        for broken in self.source.unusable(model):
            self.say(f"not copied: {broken.reason}")
        return [self._copied(version) for version in reversed(self.source.versions(model))]

    def _copied(self, version: ModelVersion) -> Copied:
        name = f"{version.model} {version.number}"
        with tempfile.TemporaryDirectory(prefix="fmnist-") as folder:
            bundle = self.source.download(version, Path(folder) / "bundle")
            made = self.target.register(version.model, bundle)
        if made.number != version.number:
            if version.annotations:
                self.say(f"{name} becomes {made.number}: its verdict is not copied; test it")
            return Copied(version.number, made.number, ())
        for sha256 in self.attached(version):
            try:
                self.target.attach(made, self.source.attachment(version, sha256))
            except (IntegrityError, NotFoundError) as error:
                self.say(f"not copied: {error}")
        copied = []
        for key, value in version.annotations.items():
            kept = made.annotations.get(key)
            if kept not in (None, value) and not self.is_newer(value, kept):
                self.say(f"{name}: {key} stays as the target has it, which is newer")
                continue
            copied.append(key)
            if kept != value:
                self.target.annotate(made, key, value)
        return Copied(version.number, made.number, tuple(sorted(copied)))
