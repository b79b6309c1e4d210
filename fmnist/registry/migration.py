"""Copies of model versions from one registry to another."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fmnist.core.progress import Say
from fmnist.registry.base import ModelRegistry, ModelVersion


@dataclass(frozen=True)
class Copied:
    """A version that was copied from ``number`` to ``becomes``, with these annotations."""

    number: int
    becomes: int
    annotations: tuple[str, ...]


def copy_versions(
    source: ModelRegistry,
    target: ModelRegistry,
    model: str,
    attached: Callable[[ModelVersion], Sequence[str]],
    is_newer: Callable[[str, str], bool],
    say: Say,
) -> list[Copied]:
    """Copy a model's versions in their order; repeating it changes nothing.

    A version that gets another number, because the target has others already, leaves its annotations
    behind: they name the number.

    Args:
        source: is only read.
        target: gets the bundles, checked on both sides.
        model: whose versions.
        attached: digests of a version's attachments.
        is_newer: whether an annotation's first text is to replace the second; else the target's stays.
        say: takes a line about each version that is not copied, or not with all its annotations.

    Raises:
        NotFoundError: the source has no such model.
        IntegrityError: a bundle is not what was registered.
    """
    versions, unusable = source.versions(model), source.unusable(model)
    if not versions and not unusable:
        source.get(model)
    for broken in unusable:
        say(f"not copied: {broken.reason}")
    return [_copy(source, target, version, attached, is_newer, say) for version in reversed(versions)]


def _copy(
    source: ModelRegistry,
    target: ModelRegistry,
    version: ModelVersion,
    attached: Callable[[ModelVersion], Sequence[str]],
    is_newer: Callable[[str, str], bool],
    say: Say,
) -> Copied:
    with tempfile.TemporaryDirectory(prefix="fmnist-") as folder:
        bundle = source.download(version, Path(folder) / "bundle")
        made = target.register(version.model, bundle)
    if made.number != version.number:
        if version.annotations:
            say(f"{version.model} {version.number} becomes {made.number}: its verdict is not copied; test it")
        return Copied(version.number, made.number, ())
    for sha256 in attached(version):
        target.attach(made, source.attachment(version, sha256))
    copied = []
    for key, value in version.annotations.items():
        kept = made.annotations.get(key, value)
        if kept != value and not is_newer(value, kept):
            say(f"{version.model} {version.number}: {key} stays as the target has it, which is newer")
            continue
        copied.append(key)
        if key not in made.annotations or kept != value:
            target.annotate(made, key, value)
    return Copied(version.number, made.number, tuple(sorted(copied)))
