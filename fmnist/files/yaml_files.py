"""The reader and writer of every YAML file of the project."""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from fmnist.errors import ConfigError
from fmnist.files.documents import validated

Form = TypeVar("Form", bound=BaseModel)

_TAG = "tag:yaml.org,2002:"
_VALUES = {f"{_TAG}{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")}
_NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_MAX_VALUES = 100_000
"""Values in a file: aliases of aliases could make it any number."""


def read_document(path: Path, form: type[Form], what: str) -> Form:
    """Read a file that is to have ``form``; ``what`` names its kind for people.

    Raises:
        ConfigError: the file is missing or no YAML, or a field is missing, unknown or out of range.
    """
    return validated(path, read_yaml(path, what), form)


def read_yaml(path: Path, what: str, version: tuple[int, int] = (1, 1)) -> Any:
    """The file's plain content; raises ConfigError as ``parse_yaml``, or if it cannot be read."""
    try:
        # Some editors begin a file with a byte order mark.
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as {what}: {error}") from error
    return parse_yaml(text, f"{path}: cannot be read as {what}", version)


def parse_yaml(text: str, complaint: str, version: tuple[int, int] = (1, 1)) -> Any:
    """Parse one YAML document.

    Args:
        text: the document.
        complaint: beginning of error messages.
        version: 1.1 for files that Kubernetes and Pachyderm read as well, where ``yes`` is true; 1.2 for
            those of Determined, where it is a text.

    Raises:
        ConfigError: it is no YAML, or has a duplicate key, a key that is no text, a tag, or too many
            values; names line and key.
    """
    try:
        return _load_1_1(text) if version == (1, 1) else _load_1_2(text)
    except (yaml.MarkedYAMLError, MarkedYAMLError) as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"{complaint}: {line}{_one_line(error.problem or error.context)}") from error
    except (yaml.YAMLError, YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{complaint}: {_one_line(error)}") from error


def _load_1_1(text: str) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        document = loader.get_single_node()
        if document is None:
            return None
        _check(document)
        return loader.construct_document(document)
    finally:
        loader.dispose()


def _load_1_2(text: str) -> Any:
    # PyYAML knows no 1.2 (pyyaml#116), and ruamel.yaml takes 123e4 for a number in 1.1 as well.
    reader = YAML(typ="safe", pure=True)
    document = reader.compose(text)
    if document is None:
        return None
    _check(document)
    return reader.load(text)


def yaml_text(content: Any, width: int = 80) -> str:
    """Plain content as YAML, its keys in their order.

    Safe in threads, unlike determined's own function (0.38.1), which shares one writer among all callers:
    it stays unusable for good after two of them have used it at once.
    """
    text: str = yaml.safe_dump(content, sort_keys=False, width=width)
    return text


def _check(document: Any) -> None:
    """Raise ValueError for what YAML allows and a file of ours must not have."""
    nodes = [(document, "")]
    seen = 0
    while nodes:
        node, place = nodes.pop()
        seen += 1
        if seen > _MAX_VALUES:
            raise ValueError(
                f"more than {_MAX_VALUES:,} values; is there an alias within what it stands for?"
            )
        tag, value = str(node.tag), node.value
        if tag not in _VALUES:
            shown = tag.replace(_TAG, "!!")
            raise ValueError(f"{_line(node)}: {place}: {shown} is no tag for a file of settings")
        if tag == f"{_TAG}float" and _NOT_FINITE.fullmatch(value):
            raise ValueError(f"{_line(node)}: {place}: {value} is not a finite number")
        if node.id == "mapping":
            nodes += _checked_entries(node, place)
        elif node.id == "sequence":
            nodes += [(item, f"{place}.{index}".lstrip(".")) for index, item in enumerate(value)]


def _checked_entries(mapping: Any, place: str) -> list[tuple[Any, str]]:
    """The values of a mapping with their dotted places."""
    first: dict[str, Any] = {}
    values = []
    for key, value in mapping.value:
        if str(key.tag) == f"{_TAG}merge":
            values.append((value, place))
            continue
        if str(key.tag) != f"{_TAG}str":
            shown = repr(key.value) if key.id == "scalar" else "a list or a mapping"
            inside = f" in {place}" * bool(place)
            raise ValueError(f"{_line(key)}: the key {shown}{inside} is no text; put it in quotes")
        inner = f"{place}.{key.value}".lstrip(".")
        if key.value in first:
            raise ValueError(
                f"{_line(key)}: {inner} is a duplicate key, given in {_line(first[key.value])} before; "
                "keep one"
            )
        first[key.value] = key
        values.append((value, inner))
    return values


def _line(node: Any) -> str:
    return f"line {node.start_mark.line + 1}"


def _one_line(problem: object) -> str:
    return " ".join(str(problem).split())
