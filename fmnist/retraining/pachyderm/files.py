"""Read spec files, check them alone and together, and give them an image."""

import copy
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.core.fashion_mnist import TEST
from fmnist.errors import ConfigError
from fmnist.files.yaml_files import read_yaml, yaml_text
from fmnist.retraining.pachyderm.rules import IMAGE, check_image
from fmnist.retraining.pachyderm.spec import parse_spec

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class SpecFile:
    """A valid spec.

    Attributes:
        document: the file's content, as it was written.
        request: the same as Pachyderm's CreatePipelineRequest.
    """

    path: Path
    document: dict[str, Any]
    request: Any

    @property
    def name(self) -> str:
        return str(self.request.pipeline.name)

    @property
    def sha256(self) -> str:
        """Digest of the content, whatever the order of its fields."""
        return hashlib.sha256(json.dumps(self.document, sort_keys=True).encode()).hexdigest()

    @property
    def yaml(self) -> str:
        return yaml_text(self.document, width=110)


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
    """The specs with ``image`` in place of the placeholder.

    Raises:
        ConfigError: the image's tag is mutable, or it is not the name of an image.
    """
    try:
        check_image(image)
    except ValueError as error:
        raise ConfigError(f"--image {image}: {error}") from error
    return [_with_image(spec, image) for spec in specs]


def sources(spec: SpecFile) -> list[Any]:
    """The inputs that are data repos; their commits start the pipeline's jobs."""
    return list(_pfs_inputs(spec.request.input))


def _pfs_inputs(node: Any) -> Iterator[Any]:
    if node.HasField("pfs"):
        yield node.pfs
    for inner in (*node.cross, *node.union, *node.join, *node.group):
        yield from _pfs_inputs(inner)


def _with_image(spec: SpecFile, image: str) -> SpecFile:
    document = copy.deepcopy(spec.document)
    if spec.request.transform.image == IMAGE:
        document["transform"]["image"] = image
    return _checked(spec.path, document)


def _files(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        inside = (
            sorted(file for file in path.iterdir() if file.suffix in SUFFIXES) if path.is_dir() else [path]
        )
        if not inside:
            raise ConfigError(f"{path}: holds no pipeline spec (*{', *'.join(SUFFIXES)})")
        files += inside
    return files


def _checked(path: Path, document: Any) -> SpecFile:
    if isinstance(document, list):
        raise ConfigError(
            f"{path}: expected one pipeline, got a list of {len(document)}; use a file for each"
        )
    return SpecFile(path, document, parse_spec(path, document))


def _mistakes(spec: SpecFile) -> Iterator[str]:
    """Mistakes in this project only."""
    if TEST.repo in {source.repo for source in sources(spec)}:
        yield (
            f"{spec.path}: input: {TEST.repo} as an input would start a training for each commit of test "
            "images; read its head through the data store"
        )
    cmd = list(spec.request.transform.cmd)
    module = cmd[cmd.index("-m") + 1] if "-m" in cmd[:-1] else ""
    if module.startswith("fmnist.") and not _exists(module):
        yield f"{spec.path}: transform.cmd: there is no module {module}"


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _clashes(specs: Sequence[SpecFile]) -> list[str]:
    first: dict[str, Path] = {}
    clashes = []
    for spec in specs:
        if spec.name in first:
            clashes.append(f"{spec.path}: pipeline.name: {spec.name} is also the name in {first[spec.name]}")
        first.setdefault(spec.name, spec.path)
    return clashes


def _in_order(specs: Sequence[SpecFile]) -> list[SpecFile]:
    """Each after those whose output it reads."""
    left, ordered = list(specs), list[SpecFile]()
    while left:
        names = {spec.name for spec in left}
        ready = [spec for spec in left if not names & {source.repo for source in sources(spec)}]
        if not ready:
            raise ConfigError(
                f"{left[0].path}: input: {', '.join(sorted(names))} wait for each other's output"
            )
        ordered += ready
        left = [spec for spec in left if spec not in ready]
    return ordered
