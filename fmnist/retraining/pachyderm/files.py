"""Spec files: read, given an image, and checked alone and together."""

import copy
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fmnist.core.fashion_mnist import TEST
from fmnist.errors import ConfigError
from fmnist.files.documents import read_yaml, validated
from fmnist.retraining.pachyderm.spec import PipelineSpec
from fmnist.retraining.pachyderm.transform import IMAGE, check_image

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class SpecFile:
    """A spec that holds no mistakes: as its file has it (``document``), and with names and types."""

    path: Path
    document: dict[str, Any]
    spec: PipelineSpec

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def sha256(self) -> str:
        """The same for specs that say the same, in whatever order."""
        return hashlib.sha256(json.dumps(self.document, sort_keys=True).encode()).hexdigest()

    @property
    def yaml(self) -> str:
        return yaml.safe_dump(self.document, sort_keys=False, width=110)


def read_specs(paths: Iterable[Path]) -> list[SpecFile]:
    """Read spec files, or all of a folder, in an order in which they can be created.

    Raises:
        ConfigError: some hold mistakes, alone or together; one line for each, with file and field.
    """
    specs: list[SpecFile] = []
    mistakes: list[str] = []
    for path in _files(paths):
        try:
            specs.append(_checked(path, read_yaml(path, "a pipeline spec")))
        except ConfigError as error:
            mistakes.append(str(error))
    mistakes += [line for spec in specs for line in _mistakes(spec)] + _clashes(specs)
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return _in_order(specs)


def render(specs: Sequence[SpecFile], image: str) -> list[SpecFile]:
    """The specs with ``image`` where they leave it open.

    Raises:
        ConfigError: nobody could say later what that image was, or it is none.
    """
    try:
        check_image(image)
    except ValueError as error:
        raise ConfigError(f"--image {image}: {error}") from error
    return [_with_image(spec, image) for spec in specs]


def _with_image(spec: SpecFile, image: str) -> SpecFile:
    document = copy.deepcopy(spec.document)
    if spec.spec.transform.image == IMAGE:
        document["transform"]["image"] = image
    return _checked(spec.path, document)


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        own = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES) if path.is_dir() else [path]
        if not own:
            raise ConfigError(f"{path}: holds no pipeline spec (*{', *'.join(SUFFIXES)})")
        found += own
    return found


def _checked(path: Path, document: Any) -> SpecFile:
    if isinstance(document, list):
        raise ConfigError(
            f"{path}: expected one pipeline, got a list of {len(document)}; use a file for each"
        )
    return SpecFile(path, document, validated(path, document, PipelineSpec))


def _mistakes(file: SpecFile) -> list[str]:
    """What is a mistake in this project only."""
    found = []
    for one in file.spec.input.pfs_inputs() if file.spec.input else ():
        if one.repo == TEST.repo:
            found.append(
                f"{file.path}: input: {TEST.repo} as an input would start a training for each commit of test "
                "images; read its head through the data store"
            )
    cmd = file.spec.transform.cmd
    module = cmd[cmd.index("-m") + 1] if "-m" in cmd[:-1] else ""
    if module.startswith("fmnist.") and not _exists(module):
        found.append(f"{file.path}: transform.cmd: there is no module {module}")
    return found


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _clashes(specs: Sequence[SpecFile]) -> list[str]:
    first: dict[str, Path] = {}
    found = []
    for spec in specs:
        if spec.name in first:
            found.append(f"{spec.path}: pipeline.name: {spec.name} is the name in {first[spec.name]}, too")
        first.setdefault(spec.name, spec.path)
    return found


def _in_order(specs: Sequence[SpecFile]) -> list[SpecFile]:
    """Each after those whose output it reads."""
    left, ordered = list(specs), list[SpecFile]()
    while left:
        names = {spec.name for spec in left}
        ready = [spec for spec in left if not names & sources(spec)]
        if not ready:
            raise ConfigError(
                f"{left[0].path}: input: {', '.join(sorted(names))} wait for each other's output"
            )
        ordered += ready
        left = [spec for spec in left if spec not in ready]
    return ordered


def sources(file: SpecFile) -> set[str]:
    """The repos whose commits start the pipeline's jobs."""
    return {one.repo for one in file.spec.input.pfs_inputs()} if file.spec.input else set()
