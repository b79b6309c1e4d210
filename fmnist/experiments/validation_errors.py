"""What is wrong with an experiment file, in words that say what to do."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fmnist.experiments.section import UNKNOWN_KEYS

_TAG_AT = {"searcher": 1, "checkpoint_storage": 1, "hyperparameters": 2}
"""Where pydantic puts the kind of a part of several kinds into the part's path."""

_SECRET = frozenset({"token", "access_key", "secret_key", "credential", "connection_string", "registry_auth"})

_REMOVED = frozenset({"custom", "adaptive", "adaptive_simple", "sync_halving"})

_MISSING = {
    "searcher": "{name: single, metric: accuracy, smaller_is_better: false} is one training",
    "searcher.name": "one of single, random, grid, adaptive_asha",
    "searcher.metric": "write accuracy, the validation accuracy",
    "searcher.smaller_is_better": "write false, or Determined takes the smallest accuracy for the best",
    "searcher.max_time": "adaptive_asha needs max_time and time_metric: max_time is the epochs of a trial",
    "searcher.time_metric": "adaptive_asha needs max_time and time_metric: write time_metric: epochs",
    "entrypoint": "a managed experiment needs one: python3 -m fmnist.jobs.train",
}

_ABSENT = frozenset({"missing", "union_tag_not_found"})

_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}

_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "finite_number": "a number",
}


def complaints(error: ValidationError) -> list[str]:
    """A line for every problem, with its field; no secret's value is in it."""
    return [line for problem in error.errors() for line in _lines(problem)]


def _lines(problem: ErrorDetails) -> Iterator[str]:
    field = _field(problem["loc"])
    context: Mapping[str, Any] = problem.get("ctx", {})
    if problem["type"] == UNKNOWN_KEYS:
        for key, text in context["problems"].items():
            yield f"{field}.{key}: {text}" if field else f"{key}: {text}"
        return
    if problem["type"] == "union_tag_not_found":
        field = f"{field}.{context['discriminator']}".replace("'", "")
    message = _message(problem, field, context)
    yield f"{field}: {message}" if field else message


def _field(loc: tuple[int | str, ...]) -> str:
    at = _TAG_AT.get(str(loc[0]), len(loc)) if loc else 0
    return ".".join(str(part) for number, part in enumerate(loc) if number != at)


def _message(problem: ErrorDetails, field: str, context: Mapping[str, Any]) -> str:
    kind = problem["type"]
    if kind == "value_error":
        return str(context["error"])
    if kind in _ABSENT:
        return f"is missing; {_MISSING[field]}" if field in _MISSING else "is missing"
    if kind == "union_tag_invalid":
        return _kind(field, context)
    given = _given(problem["input"], field)
    if kind in _WANTED:
        return f"expected {_WANTED[kind]}, found {given}"
    if kind == "literal_error":
        return f"expected {context['expected']}, found {given}"
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"must be {words} {context[bound]:g}, found {given}"
    return f"{problem['msg']}, found {given}"


def _kind(field: str, context: Mapping[str, Any]) -> str:
    tag, expected = context["tag"], context["expected_tags"]
    if field == "searcher" and tag in _REMOVED:
        return f"the '{tag}' searcher has been removed from Determined; use one of {expected}"
    name = "name" if field == "searcher" else "type"
    return f"{name} is '{tag}'; expected one of {expected}"


def _given(value: object, field: str) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if _SECRET.intersection(field.split(".")):
        return "something else"
    return "nothing" if value is None else f"'{value}', a text" if isinstance(value, str) else str(value)
