"""The whole verdict with the tables and samples that a report shows, kept beside the bundle."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fmnist.errors import IntegrityError
from fmnist.gate.verdict import Interval, Rule
from fmnist.registry.base import ModelRegistry, ModelVersion

_SCHEMA = 1


@dataclass(frozen=True)
class ClassScores:
    """How one class did; shares are 0-1, ``images`` are the test images that truly are of it."""

    name: str
    images: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ReliabilityBin:
    """The test images whose answer had a probability in (``low``, ``high``].

    ``confidence`` is their mean probability and ``accuracy`` the share that was right, both 0-1 and
    0 where ``images`` is 0.
    """

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class CorruptionEffect:
    """Accuracy under one corruption, 0-1, and how much less that is than without, with its interval."""

    name: str
    accuracy: float
    drop: float
    uncertainty: Interval


@dataclass(frozen=True)
class SampleError:
    """A test image that was named wrong: its row in the test set, class numbers, probabilities 0-1."""

    index: int
    truth: int
    answer: int
    probability: float
    truth_probability: float


@dataclass(frozen=True)
class Comparison:
    """Candidate against an earlier version on the same ``images``.

    ``accuracy`` is the earlier version's, 0-1; ``lost`` counts the images that only it names right,
    ``gained`` those that only the candidate does; ``recall`` is the earlier version's by class number.
    """

    version: int
    accuracy: float
    images: int
    lost: int
    gained: int
    recall: tuple[float, ...]


@dataclass(frozen=True)
class Evidence:
    """``rules`` are the whole verdict, empty before there is one. ``confusion`` counts images, rows
    the truth; ``errors`` are the surest wrong answers first.

    ``champion`` and ``best`` are None where there was none to compare with; ``expected_calibration_error``
    is 0-1; ``policy`` holds the values of gate.yaml. ``named_right`` tells of each test image whether it
    was named right: a bit per image, the first one the highest of its byte, as base64; empty if not kept.
    """

    rules: tuple[Rule, ...]
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[ReliabilityBin, ...]
    expected_calibration_error: float
    corruptions: tuple[CorruptionEffect, ...]
    errors: tuple[SampleError, ...]
    champion: Comparison | None
    best: Comparison | None
    policy: Mapping[str, Any]
    named_right: str = ""

    def document(self) -> dict[str, Any]:
        """What is written as JSON."""
        return {"schema_version": _SCHEMA, **asdict(self)}

    @classmethod
    def from_document(cls, raw: Mapping[str, Any], where: str) -> "Evidence":
        """Raises IntegrityError if the document is no evidence of this schema version."""
        try:
            if raw["schema_version"] != _SCHEMA:
                raise IntegrityError(
                    f"{where}: schema_version is {raw['schema_version']}, this fmnist reads {_SCHEMA}; "
                    "run the gate again"
                )
            return cls(
                rules=tuple(map(Rule.from_document, raw["rules"])),
                classes=tuple(ClassScores(**item) for item in raw["classes"]),
                confusion=tuple(tuple(row) for row in raw["confusion"]),
                reliability=tuple(ReliabilityBin(**item) for item in raw["reliability"]),
                expected_calibration_error=raw["expected_calibration_error"],
                corruptions=tuple(
                    CorruptionEffect(**{**item, "uncertainty": Interval(**item["uncertainty"])})
                    for item in raw["corruptions"]
                ),
                errors=tuple(SampleError(**item) for item in raw["errors"]),
                champion=_comparison(raw["champion"]),
                best=_comparison(raw["best"]),
                policy=raw["policy"],
                named_right=raw.get("named_right", ""),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(f"{where}: not a gate's evidence ({error!r}); run the gate again") from error


def _comparison(raw: Mapping[str, Any] | None) -> Comparison | None:
    return None if raw is None else Comparison(**{**raw, "recall": tuple(raw["recall"])})


def to_bytes(evidence: Evidence) -> bytes:
    """The document as it is stored: equal evidence gives equal bytes."""
    return json.dumps(evidence.document(), sort_keys=True, allow_nan=False).encode() + b"\n"


def read_evidence(registry: ModelRegistry, version: ModelVersion, sha256: str) -> Evidence:
    """What a version's verdict names as its evidence.

    Raises:
        NotFoundError: it is not kept with this version.
        IntegrityError: it is not what was attached, or no evidence.
    """
    content = registry.attachment(version, sha256)
    where = f"version {version.number} of {version.model}, attachment {sha256}"
    try:
        return Evidence.from_document(json.loads(content), where)
    except ValueError as error:
        raise IntegrityError(f"{where}: not a gate's evidence ({error}); run the gate again") from error
