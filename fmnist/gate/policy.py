"""``gate.yaml``: the bounds that a model version must keep."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AliasChoices, Field, model_validator

from fmnist.core.fashion_mnist import CLASSES
from fmnist.files.documents import Document
from fmnist.files.yaml_files import read_document

ACCURACY_FLOOR = 0.70
"""Minimum accuracy that a policy may require."""

FALSE_ALARMS = 0.05
"""Maximum probability of refusing a version that is as good as the champion, by both comparisons."""

Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Significance = Annotated[float, Field(gt=0, le=FALSE_ALARMS, strict=True)]


def _known_class(name: str) -> str:
    if name not in CLASSES:
        raise ValueError(f"expected one of {', '.join(CLASSES)}")
    return name


ClassName = Annotated[str, AfterValidator(_known_class)]


def _once_called(name: str, old: str) -> Any:
    """Read a field under its old name as well, and hash it under that: the policy is the same."""
    return Field(validation_alias=AliasChoices(name, old), serialization_alias=old)


class RecallPolicy(Document):
    """Minimum recall of a class, and exceptions by class name."""

    every_class: Share
    exceptions: dict[ClassName, Share] = Field(default_factory=dict)

    def of(self, name: str) -> float:
        return self.exceptions.get(name, self.every_class)


class ChampionPolicy(Document):
    """Significance level of the comparison with the champion."""

    significance: Significance


class BestPolicy(Document):
    """Margin (share of the images) and significance level of the comparison with the best version."""

    margin: Share
    significance: Significance


class DropPolicy(Document):
    """Maximum accuracy drop by each corruption."""

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
    translation_consistency: Annotated[Share, _once_called("translation_consistency", "steadiness")]
    latency_ms: Annotated[float, Field(gt=0, strict=True)]
    size_bytes: Annotated[int, Field(gt=0, strict=True)]
    min_images: Annotated[int, Field(ge=1, strict=True), _once_called("min_images", "least_images")]
    test_data_commit: Annotated[str, Field(pattern=r"^[0-9a-f]{6,40}$")] | None = None

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
        """Digest of the policy's values: comments and layout of the file do not matter."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()


def read_policy(path: Path) -> Policy:
    """Read ``gate.yaml``.

    Raises:
        ConfigError: the file is missing or no YAML, or a field is missing, unknown or out of range.
    """
    return read_document(path, Policy, "the gate's policy")
