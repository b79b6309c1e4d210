"""Reading an experiment file, with what is changed on the command line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fmnist.errors import ConfigError
from fmnist.experiments.model import Experiment
from fmnist.files.documents import validated


def load_experiment(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read and validate an experiment file; ``overrides`` are ``a.b=value``, as for ``det``'s --config.

        >>> from pathlib import Path
        >>> from fmnist import load_experiment
        >>> load_experiment(Path("const.yaml"), ["searcher.max_length.epochs=2"]).name
        'fmnist-const'

    A file without a name gets its own; on Determined it would get one by chance.

    Raises:
        ConfigError: the file or an override cannot be read, or a field is wrong; names file and field.
    """
    return validated(path, read_document(path, overrides), Experiment)


def read_document(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The same, not validated: what a master gets.

    Raises:
        ConfigError: the file or an override cannot be read.
    """
    try:
        content = _plain(path.read_text())
    except (OSError, UnicodeDecodeError, YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, found {type(content).__name__}")
    for override in overrides:
        _apply(content, override)
    content["name"] = content.get("name") or path.stem
    return content


def _plain(text: str) -> Any:
    """YAML 1.2, as ``det`` reads it: 1e-3 is a number, yes is a text. Its values are JSON's."""
    content = YAML(typ="safe", pure=True).load(text)
    return json.loads(json.dumps(content, default=str, allow_nan=False))


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--config {override}: expected key=value, such as searcher.max_trials=4")
    *parents, last = key.split(".")
    target = content
    for parent in parents:
        target = target.setdefault(parent, {})
        if not isinstance(target, dict):
            raise ConfigError(f"--config {override}: {parent} is a value, not a section")
    try:
        target[last] = _plain(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"--config {override}: the value cannot be read as YAML: {error}") from error
