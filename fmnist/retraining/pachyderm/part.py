"""What all parts of a pipeline spec have in common."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    """A part of a spec as pachd reads it: names in snake or camel case, null is as good as absent.

    Stricter than pachd in that every field is known and every value has the type it stands for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _snake_case(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        names = {to_camel(name): name for name in cls.model_fields if "_" in name}
        plain: dict[Any, Any] = {}
        for key, item in value.items():
            name = names.get(key, key)
            if name in plain:
                raise ValueError(f"{name}: is given in snake and in camel case; keep one")
            if item is not None:
                plain[name] = item
        return plain
