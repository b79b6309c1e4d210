"""Hyperparameters of an experiment file: values, ranges to search, and groups of them."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictFloat, StrictInt, model_validator

from fmnist.files.documents import Document, DocumentWithNulls, chosen_by


class Const(Document):
    """One value, which may be null."""

    type: Literal["const"]
    val: Any


class Range(DocumentWithNulls):
    """``count`` is how many values a grid search takes, both bounds among them."""

    minval: float
    maxval: float
    count: StrictInt | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minval >= self.maxval:
            raise ValueError(f"minval {self.minval:g} must be less than maxval {self.maxval:g}")
        return self


class Int(Range):
    """A whole number, both bounds included."""

    type: Literal["int"]
    minval: StrictInt
    maxval: StrictInt


class Double(Range):
    """A number, uniform between the bounds."""

    type: Literal["double"]
    minval: StrictFloat
    maxval: StrictFloat


class Log(Range):
    """``base`` to a power that is uniform between the bounds: they are exponents."""

    type: Literal["log"]
    base: StrictFloat = Field(gt=0)
    minval: StrictFloat
    maxval: StrictFloat

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        for name, exponent in (("minval", self.minval), ("maxval", self.maxval)):
            if not _is_positive_number(self.base, exponent):
                raise ValueError(
                    f"{self.base:g} to the power of {name} {exponent:g} is too large or too small for a "
                    "number; minval and maxval are exponents of base"
                )
        return self


class Categorical(DocumentWithNulls):
    """One of the values, which may be anything, lists and mappings too."""

    type: Literal["categorical"]
    vals: tuple[Any, ...] = Field(min_length=1)


Hyperparameter = Annotated[
    Const | Int | Double | Log | Categorical, chosen_by("type", Const, Int, Double, Log, Categorical)
]


def specifications(tree: Mapping[str, Any], group: str = "") -> Iterator[tuple[str, Any]]:
    """Each hyperparameter's dotted name and description; a mapping without a type is a group."""
    for key, spec in tree.items():
        if "." in key:
            raise ValueError(f"{group}{key}: a name must not hold a dot; nest the hyperparameters instead")
        if not isinstance(spec, Mapping) or not spec:
            yield f"{group}{key}", {"type": "const", "val": spec}
        elif "type" in spec:
            yield f"{group}{key}", spec
        else:
            yield from specifications(spec, f"{group}{key}.")


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters by dotted name, as a file has them: ``{"a.b": 1}`` becomes ``{"a": {"b": 1}}``."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, last = name.split(".")
        group = tree
        for key in groups:
            group = group.setdefault(key, {})
        group[last] = value
    return tree


def flat(tree: Mapping[str, Any], group: str = "") -> dict[str, Any]:
    """The opposite of ``nested``; an empty group is a value."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            leaves |= flat(value, f"{group}{name}.")
        else:
            leaves[f"{group}{name}"] = value
    return leaves


def warning(spec: Hyperparameter) -> str | None:
    """Warn of exponents that look like values, which Determined's master accepts silently."""
    if not isinstance(spec, Log) or spec.base <= 1 or spec.minval <= 0:
        return None
    if spec.maxval > 1 and spec.base**spec.maxval < _LARGE:
        return None
    low, high = (round(math.log(bound, spec.base), 6) for bound in (spec.minval, spec.maxval))
    return (
        f"minval {spec.minval:g} and maxval {spec.maxval:g} are exponents of base {spec.base:g}: values go "
        f"from {spec.base**spec.minval:.4g} to {spec.base**spec.maxval:.4g}; for values from {spec.minval:g} "
        f"to {spec.maxval:g} write minval: {low:g}, maxval: {high:g}"
    )


_LARGE = 1e9
"""Above the values that a hyperparameter of a training has."""


def _is_positive_number(base: float, exponent: float) -> bool:
    try:
        return 0 < math.pow(base, exponent) < math.inf
    except OverflowError:
        return False
