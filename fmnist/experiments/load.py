"""Reading an experiment file, with what is changed on the command line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fmnist.errors import ConfigError
from fmnist.experiments.model import Experiment
from fmnist.files.documents import validated
from fmnist.files.yaml_files import parse_yaml, read_yaml

_VERSION = (1, 2)
"""As ``det`` reads its files: yes is a text."""

_IDS = ("data.train.commit", "data.test.commit")


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
    return validated(path, read_configuration(path, overrides), Experiment)


def read_configuration(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The same, not validated: what a master gets.

    Raises:
        ConfigError: the file or an override cannot be read.
    """
    content = _plain(read_yaml(path, "YAML", _VERSION))
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, found {type(content).__name__}")
    for override in overrides:
        _apply(content, override)
    content["name"] = content.get("name") or path.stem
    return content


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
    value = parse_yaml(text, f"--config {override}: the value cannot be read as YAML", _VERSION)
    # Digits of a commit's id, which may be a number's as well.
    is_an_id = key in _IDS and isinstance(value, int | float)
    target[last] = text.strip() if is_an_id else _plain(value)


def _plain(content: Any) -> Any:
    """The content with JSON's values alone, as a master gets it: a date becomes a text."""
    return json.loads(json.dumps(content, default=str))
