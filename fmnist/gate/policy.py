"""``gate.yaml``: the bounds that a model version must keep."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from fmnist.errors import ConfigError
from fmnist.fashion_mnist import CLASSES

ACCURACY_FLOOR = 0.70
"""No policy may ask for less."""

Share = Annotated[float, Field(ge=0, le=1, strict=True)]


def _known_class(name: str) -> str:
    if name not in CLASSES:
        raise ValueError(f"expected one of {', '.join(CLASSES)}")
    return name


ClassName = Annotated[str, AfterValidator(_known_class)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RecallPolicy(_Frozen):
    """The least recall of a class, and of those classes that are given their own."""

    every_class: Share
    exceptions: dict[ClassName, Share] = Field(default_factory=dict)

    def of(self, name: str) -> float:
        return self.exceptions.get(name, self.every_class)


class Policy(_Frozen):
    """The whole file; shares are 0-1, bounds may just be met."""

    schema_version: Literal[1]
    accuracy: Annotated[float, Field(ge=ACCURACY_FLOOR, le=1, strict=True)]
    macro_f1: Share
    recall: RecallPolicy
    least_images: Annotated[int, Field(ge=1, strict=True)]
    latency_ms: Annotated[float, Field(gt=0, strict=True)]
    size_bytes: Annotated[int, Field(gt=0, strict=True)]

    def sha256(self) -> str:
        """Names the policy by its values: comments and layout of the file do not matter."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def read_policy(path: Path) -> Policy:
    """Read ``gate.yaml``.

    Raises:
        ConfigError: the file is missing or no YAML, or a field is missing, unknown or out of range.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as the gate's policy: {error}") from error
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        raise ConfigError(_explained(path, error)) from error


def _explained(path: Path, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        field = ".".join(map(str, problem["loc"])) or "the whole file"
        given = "" if problem["type"] == "missing" else f", got {problem['input']!r}"
        lines.append(f"{path}: {field}: {problem['msg']}{given}")
    return "\n".join(lines)
