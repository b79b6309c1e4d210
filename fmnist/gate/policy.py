"""``gate.yaml``: the bounds that a model version must keep."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from fmnist.core.fashion_mnist import CLASSES
from fmnist.files.documents import Document, read_document

ACCURACY_FLOOR = 0.70
"""No policy may ask for less."""

FALSE_ALARMS = 0.05
"""How often, at most, a version that is as good as the champion may be refused by comparison."""

Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Significance = Annotated[float, Field(gt=0, le=FALSE_ALARMS, strict=True)]


def _known_class(name: str) -> str:
    if name not in CLASSES:
        raise ValueError(f"expected one of {', '.join(CLASSES)}")
    return name


ClassName = Annotated[str, AfterValidator(_known_class)]


class RecallPolicy(Document):
    """The least recall of a class, and of those classes that are given their own."""

    every_class: Share
    exceptions: dict[ClassName, Share] = Field(default_factory=dict)

    def of(self, name: str) -> float:
        return self.exceptions.get(name, self.every_class)


class ChampionPolicy(Document):
    """How surely worse than the champion a version must be to be refused."""

    significance: Significance


class BestPolicy(Document):
    """By how much, and how surely, worse than the best version ever promoted."""

    margin: Share
    significance: Significance


class DropPolicy(Document):
    """The accuracy that each corruption may take at most."""

    noise: Share
    blur: Share
    brightness: Share
    shift: Share
    contrast: Share

    def of(self, corruption: str) -> float:
        bound: float = getattr(self, corruption)
        return bound


class Policy(Document):
    """The whole file; shares are 0-1, bounds may just be met."""

    schema_version: Literal[2]
    accuracy: Annotated[float, Field(ge=ACCURACY_FLOOR, le=1, strict=True)]
    macro_precision: Share
    macro_recall: Share
    macro_f1: Share
    recall: RecallPolicy
    champion: ChampionPolicy
    best: BestPolicy
    calibration_error: Share
    drop: DropPolicy
    steadiness: Share
    latency_ms: Annotated[float, Field(gt=0, strict=True)]
    size_bytes: Annotated[int, Field(gt=0, strict=True)]
    least_images: Annotated[int, Field(ge=1, strict=True)]
    test_data_commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None

    @model_validator(mode="after")
    def _false_alarms_are_shared(self) -> Self:
        both = self.champion.significance + self.best.significance
        if both > FALSE_ALARMS + 1e-9:
            raise ValueError(
                f"champion.significance and best.significance sum to {both:g}, "
                f"at most {FALSE_ALARMS:g} is allowed"
            )
        return self

    def sha256(self) -> str:
        """Names the policy by its values: comments and layout of the file do not matter."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def read_policy(path: Path) -> Policy:
    """Read ``gate.yaml``.

    Raises:
        ConfigError: the file is missing or no YAML, or a field is missing, unknown or out of range.
    """
    return read_document(path, Policy, "the gate's policy")
