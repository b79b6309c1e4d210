"""YAML: files with a typed form, each mistake told with its file and field; and text for others to read."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from fmnist.errors import ConfigError

Form = TypeVar("Form", bound=BaseModel)


def read_document(path: Path, form: type[Form], what: str) -> Form:
    """Read a file that is to have ``form``; ``what`` says of what kind it is, for people.

    Raises:
        ConfigError: the file is missing or no YAML, or a field is missing, unknown or out of range.
    """
    return validated(path, read_yaml(path, what), form)


def read_yaml(path: Path, what: str) -> Any:
    """The file's plain content; raises ConfigError if it is missing or no YAML."""
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as {what}: {error}") from error


def yaml_text(content: Any) -> str:
    """Plain content as YAML, in its own order.

    Threads may write at once, as they may not by determined's own function (0.38.1): it shares one
    writer among all callers, which stays unusable for good after two have met in it.
    """
    text: str = yaml.safe_dump(content, sort_keys=False)
    return text


def validated(path: Path, content: Any, form: type[Form]) -> Form:
    """``content`` of the file ``path`` as ``form``; raises ConfigError, one line for each mistake."""
    try:
        return form.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {line}" for line in _mistakes(error))) from error


def _mistakes(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        field = ".".join(map(str, problem["loc"])) or "the whole file"
        given = f", got {problem['input']!r:.80}" if problem["loc"] and problem["type"] != "missing" else ""
        lines.append(f"{field}: {problem['msg'].removeprefix('Value error, ')}{given}")
    return lines
