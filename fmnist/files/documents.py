"""Typed documents: YAML that people write, and JSON records that programs write.

A document's form is a ``Document`` (a pydantic model), a record's a frozen dataclass. Every mistake is
reported with its file and field: in a document as ConfigError, since a person corrects it; in a record as
IntegrityError, since nobody should have changed it.
"""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from fmnist.errors import ConfigError, IntegrityError

Form = TypeVar("Form", bound=BaseModel)
Record = TypeVar("Record")

_VERSION = "schema_version"
_LONGEST = 80
"""Characters of a wrong value that a message shows."""

_PHRASED = "phrased"
"""Type of the errors whose message is complete."""

_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}

_EXPECTED = {
    "string": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
    "dataclass": "a mapping",
    "finite": "a finite number",
}
"""Expected type by the first word of pydantic's error types, such as int_type and int_from_float."""

_WRONG_TYPE = ("type", "parsing", "from_float", "number")
"""Last words of those of pydantic's error types that are about the type."""


class Document(BaseModel):
    """Base of the sections of a file that people write; an unknown key is an error.

    A field's ``description`` is shown when the field is missing; the value of a field with ``repr=False``
    is a secret, which no message shows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _phrase_errors(cls, content: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(content)
        except ValidationError as error:
            fields = {field.alias or name: field for name, field in cls.model_fields.items()}
            problems = [_phrased(problem, fields) for problem in error.errors()]
            raise ValidationError.from_exception_data(cls.__name__, problems) from None


class DocumentWithNulls(Document):
    """A section in which a key that is null counts as absent, as at Determined's master."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        return {key: item for key, item in content.items() if item is not None or key not in cls.model_fields}


def chosen_by(key: str, *forms: type[Document]) -> WrapValidator:
    """Read a section of several forms, of which ``key`` names one; it is a ``Literal`` in each.

    Pydantic's own discriminated unions put the form's name into the field's path.
    """
    by_name = {get_args(form.model_fields[key].annotation)[0]: form for form in forms}

    def read(content: Any) -> Document:
        if isinstance(content, forms):
            return content
        chosen = content.get(key) if isinstance(content, Mapping) else next(iter(by_name))
        if isinstance(chosen, str) and chosen in by_name:
            return by_name[chosen].model_validate(content)
        expected = f"expected one of {', '.join(map(repr, by_name))}"
        message = f"is missing; {expected}" if chosen is None else f"{expected}, found {_shown(chosen)}"
        problem = InitErrorDetails(type=PydanticCustomError(_PHRASED, message), loc=(key,), input=chosen)
        raise ValidationError.from_exception_data(key, [problem])

    # Not a WrapValidator, whose values pydantic 2.14 serializes with a warning each.
    return WrapValidator(lambda content, _: read(content))


def validated(path: Path, content: Any, form: type[Form]) -> Form:
    """``content`` of the file ``path`` as ``form``; raises ConfigError, one line for each mistake."""
    try:
        return form.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {line}" for line in validation_errors(error))) from error


def validation_errors(error: ValidationError) -> list[str]:
    """A line for each mistake: the dotted field, and what was expected and found there."""
    problems = [(".".join(map(str, problem["loc"])), _message(problem)) for problem in error.errors()]
    return [f"{field}: {message}" if field else message for field, message in problems]


def _phrased(problem: ErrorDetails, fields: Mapping[str, FieldInfo]) -> InitErrorDetails:
    """The same problem with its complete message, for which the fields of its section are needed."""
    loc = problem["loc"]
    name = str(loc[0]) if loc else ""
    field = fields.get(name)
    message = _message(problem, is_secret=field is not None and not field.repr)
    if len(loc) == 1 and problem["type"] == "extra_forbidden":
        close = get_close_matches(name, fields, n=1)
        advice = f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(sorted(fields))}"
        message = f"{message}; {advice}"
    if len(loc) == 1 and problem["type"] == "missing" and field and field.description:
        message = f"{message}; {field.description}"
    return InitErrorDetails(type=PydanticCustomError(_PHRASED, message), loc=loc, input=None)


def _message(problem: ErrorDetails, *, is_secret: bool = False) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == _PHRASED:
        return problem["msg"]
    if kind == "missing":
        return "is missing"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return "there is no such key"
    given = problem["input"]
    found = "" if kind == "value_error" and isinstance(given, Mapping | list) else f", found {_shown(given)}"
    if is_secret and not isinstance(given, Mapping | list):
        found = ", found something else"
    if kind == "value_error":
        return f"{context['error']}{found}"
    if kind == "literal_error":
        return f"expected {context['expected']}{found}"
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"must be {words} {context[bound]:g}{found}"
    subject, _, trouble = kind.partition("_")
    expected = _EXPECTED.get(subject) if trouble.endswith(_WRONG_TYPE) else None
    return f"expected {expected}{found}" if expected else f"{problem['msg']}{found}"


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return "null" if value is None else f"{value!r:.{_LONGEST}}" + ", a string" * isinstance(value, str)


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
    """Read a record that ``record_text`` wrote.

    Nothing is converted: a number in quotes is a string, and a key that the form lacks is an error.

    Args:
        text: JSON.
        form: the record's class, a frozen dataclass.
        where: file or place, for messages.
        version: the ``schema_version`` that the text must carry in addition to the form's fields; None where
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
        problems = "; ".join(line.removeprefix("record.") for line in validation_errors(error))
        raise IntegrityError(f"{where}: not a {form.__name__} of this fmnist: {problems}") from error
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
