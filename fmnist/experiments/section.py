"""Base of the sections of an experiment file."""

from collections.abc import Mapping
from typing import Any

from pydantic import model_validator

from fmnist.files.documents import Document


class Section(Document):
    """A section of the file; as at Determined's master, a key that is null counts as absent."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        return {key: item for key, item in content.items() if item is not None or key not in cls.model_fields}
