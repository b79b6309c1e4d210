"""What all parts of an experiment file have in common."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]
Port = Annotated[Whole, Field(ge=1, le=65535)]

UNKNOWN_KEYS = "unknown_keys"
"""Type of the error for keys that a section does not have; its context's ``problems`` names each."""


class Section(BaseModel):
    """A part of the file. An unknown key is an error, and a key that is null counts as absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        known = list(cls.model_fields)
        problems = {str(key): _unknown(str(key), known) for key in value if key not in known}
        if problems:
            raise PydanticCustomError(UNKNOWN_KEYS, "there are unknown keys", {"problems": problems})
        return {key: content for key, content in value.items() if content is not None}


def _unknown(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1)
    if close:
        return f"there is no such key; did you mean {close[0]}?"
    return f"there is no such key; the keys here are {', '.join(sorted(known))}"
