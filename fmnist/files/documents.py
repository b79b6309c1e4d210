"""Typed documents: YAML that people write, and JSON records that programs write.

A document's form is a pydantic model, a record's a frozen dataclass. Each mistake is told with its file
and field: in a document as ConfigError, since a person mends it; in a record as IntegrityError, since
nobody should have touched it.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from fmnist.errors import ConfigError, IntegrityError

Form = TypeVar("Form", bound=BaseModel)
Record = TypeVar("Record")

_VERSION = "schema_version"


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


def record_text(record: object, version: int | None = None) -> str:
    """A frozen dataclass as JSON, indented and in the order of its fields, with a line end.

    ``version`` is written as ``schema_version``, for records that do not hold it themselves.
    """
    form: Any = type(record)
    content: dict[str, Any] = _adapter(form).dump_python(record, mode="json")
    if version is not None:
        content = {_VERSION: version, **content}
    return json.dumps(content, indent=2) + "\n"


def parse_record(text: str | bytes, form: type[Record], where: str, version: int | None = None) -> Record:
    """The record that ``record_text`` wrote; ``where`` names its place in messages.

    Nothing is converted: a number in quotes is a text, and a key that the form lacks is an error.

    Args:
        version: the ``schema_version`` that the text must carry beside the form's own fields; None where
            the form has that field itself, or the record has no version.

    Raises:
        IntegrityError: the text is no JSON, of another version, or not of this form.
    """
    try:
        content = json.loads(text)
        if version is not None:
            _check_version(content, version, where)
            del content[_VERSION]
        hashable: Any = form
        checked: Any = _strict(hashable).model_validate_json(json.dumps({"record": content}))
        record: Record = checked.record
    except ValidationError as error:
        mistakes = "; ".join(line.removeprefix("record.") for line in _mistakes(error))
        raise IntegrityError(f"{where}: not a {form.__name__} of this fmnist: {mistakes}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityError(f"{where}: not a {form.__name__} of this fmnist ({error!r})") from error
    return record


def _check_version(content: Any, version: int, where: str) -> None:
    if content[_VERSION] != version:
        raise IntegrityError(
            f"{where}: {_VERSION} is {content[_VERSION]!r}, this fmnist reads {version}; "
            "use the fmnist that wrote it"
        )


@cache
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)


@cache
def _strict(form: Any) -> type[BaseModel]:
    """A model around the form: a dataclass takes its configuration from the model that holds it."""
    return create_model(form.__name__, __config__=ConfigDict(extra="forbid", strict=True), record=(form, ...))
