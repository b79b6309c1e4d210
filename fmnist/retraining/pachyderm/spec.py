"""Check a pipeline spec field by field: by python-pachyderm's parser, then by ``rules``.

The parser stops at the first mistake and does not say where in the document it is, so it gets each value
by itself.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError  # type: ignore[import-untyped, unused-ignore]

from fmnist.clients.pachyderm.messages import pps_proto, python_pachyderm
from fmnist.errors import ConfigError
from fmnist.retraining.pachyderm.rules import FIELDS, MESSAGES, NOT_IN_FILES, REQUIRED, Message

_WORDS = {bool: "true or false", float: "a number", int: "a whole number", str: "text, in quotes"}


def parse_spec(path: Path, document: Any) -> Any:
    """The CreatePipelineRequest that the document of the file ``path`` describes.

    Raises:
        ConfigError: it is wrong; one line for each mistake, with file and field.
    """
    checker = _Checker()
    if isinstance(document, Mapping):
        checker.message(document, pps_proto.CreatePipelineRequest.DESCRIPTOR, "")
    else:
        checker.mistakes.append(f"the whole file: expected a pipeline spec, got {document!r:.80}")
    if checker.mistakes:
        raise ConfigError("\n".join(f"{path}: {mistake}" for mistake in checker.mistakes))
    try:
        return python_pachyderm.parse_dict_pipeline_spec(document)
    except ParseError as error:
        raise ConfigError(f"{path}: is not a pipeline spec for Pachyderm: {error}") from error


class _Checker:
    """Walk a document along the fields of its protobuf message and collect the mistakes."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []

    def message(self, content: Mapping[Any, Any], form: Any, place: str) -> Message:
        """The given fields by their names in snake case; a null is as good as absent."""
        found: dict[str, Any] = {}
        inside = f"{place}." if place else ""
        for key, value in content.items():
            field = form.fields_by_name.get(key) or form.fields_by_camelcase_name.get(key)
            if field is None or field.name in NOT_IN_FILES:
                self.mistakes.append(f"{inside}{key}: is not a field that a spec file may have")
            elif field.name in found:
                self.mistakes.append(f"{inside}{field.name}: is given in snake and in camel case; keep one")
            elif value is not None:
                found[field.name] = self._checked(value, field, f"{inside}{field.name}")
        missing = (name for name in REQUIRED.get(form.name, ()) if name not in found)
        self.mistakes += [f"{inside}{name}: is missing" for name in missing]
        if check := MESSAGES.get(form.name):
            self.mistakes += [
                f"{inside}{name}: {reason}" if name else f"{place}: {reason}" for name, reason in check(found)
            ]
        return found

    def _checked(self, value: Any, field: Any, place: str) -> Any:
        """The value, messages in it by their fields; None if it is wrong as a whole."""
        try:
            if field.message_type is None or field.message_type.full_name.startswith("google."):
                _check_scalar(value, field)
                return value
            return self._messages(value, field, place)
        except ValueError as error:
            self.mistakes.append(f"{place}: {error}, got {value!r:.80}")
            return None

    def _messages(self, value: Any, field: Any, place: str) -> Any:
        form = field.message_type
        if field.label != field.LABEL_REPEATED or form.GetOptions().map_entry:
            if not isinstance(value, Mapping):
                raise ValueError("expected fields with their values")
            return (
                self._texts(value, place) if form.GetOptions().map_entry else self.message(value, form, place)
            )
        if not isinstance(value, list):
            raise ValueError("expected a list")
        wrong = {index: item for index, item in enumerate(value) if not isinstance(item, Mapping)}
        self.mistakes += [
            f"{place}.{index}: expected fields, got {item!r:.80}" for index, item in wrong.items()
        ]
        return [
            self.message(item, form, f"{place}.{index}")
            for index, item in enumerate(value)
            if index not in wrong
        ]

    def _texts(self, content: Mapping[Any, Any], place: str) -> Mapping[str, str]:
        """The entries of a map; those of a spec have text as keys and values."""
        wrong = [
            key for key, value in content.items() if not (isinstance(key, str) and isinstance(value, str))
        ]
        self.mistakes += [
            f"{place}.{key}: expected text, in quotes, got {content[key]!r:.80}" for key in wrong
        ]
        return {key: value for key, value in content.items() if key not in wrong}


def _check_scalar(value: Any, field: Any) -> None:
    """Raise ValueError with what was expected."""
    many = field.label == field.LABEL_REPEATED
    if many and not isinstance(value, list):
        raise ValueError("expected a list")
    kind = _kind(field)
    for index, item in enumerate(value if many else [value]):
        # The parser also takes a number as text, true as 1.0 and the number of an enum's word.
        if (
            type(item) is not kind
            and not (kind is float and type(item) is int)
            and field.name != "datum_tries"
        ):
            raise ValueError(f"{f'item {index}: ' * many}expected {_WORDS[kind]}")
    try:
        ParseDict({field.name: value}, field.containing_type._concrete_class())
    except ParseError as error:
        raise ValueError(
            str(error).removeprefix(f"Failed to parse {field.name} field: ").rstrip(".")
        ) from error
    check, expected = FIELDS.get(f"{field.containing_type.name}.{field.name}", (None, ""))
    if check and not check(value):
        raise ValueError(f"expected {expected}")


def _kind(field: Any) -> type:
    if field.cpp_type == field.CPPTYPE_BOOL:
        return bool
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return float
    if field.cpp_type in (field.CPPTYPE_STRING, field.CPPTYPE_ENUM):
        return str
    # Durations and times are text, too.
    return str if field.message_type and field.message_type.name != "Int64Value" else int
