"""The gate's answer: each rule with what was measured, how surely, and what was asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """``not applicable`` is said of a rule that has nothing to judge, such as that of the champion
    when there is none yet; it refuses nothing.
    """

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


class Relation(StrEnum):
    """How the measured value must stand to the bound; it may just meet it."""

    AT_LEAST = "at least"
    AT_MOST = "at most"


@dataclass(frozen=True)
class Interval:
    """Where the true value lies with 95 % confidence, in the rule's own unit."""

    low: float
    high: float


@dataclass(frozen=True)
class Rule:
    """One rule's outcome.

    ``measured``, ``bound`` and ``uncertainty`` are in ``unit``: ``share`` (0-1, also a difference of
    shares, -1 to 1), ``images``, ``classes``, ``files``, ``commits``, ``ms`` or ``bytes``.
    ``measured`` and ``bound`` are None where the rule is not applicable; ``uncertainty`` also where
    the value is a count, not an estimate. ``explanation`` is one sentence for people.
    """

    name: str
    outcome: Outcome
    measured: float | None
    relation: Relation
    bound: float | None
    unit: str
    uncertainty: Interval | None
    explanation: str

    @property
    def broken(self) -> bool:
        return self.outcome is Outcome.FAIL

    @classmethod
    def from_document(cls, raw: Mapping[str, Any]) -> "Rule":
        """The rule that ``asdict`` and JSON made this of; TypeError, KeyError or ValueError if none."""
        uncertainty = raw["uncertainty"]
        return cls(
            **{
                **raw,
                "outcome": Outcome(raw["outcome"]),
                "relation": Relation(raw["relation"]),
                "uncertainty": None if uncertainty is None else Interval(**uncertainty),
            }
        )


@dataclass(frozen=True)
class Verdict:
    """All rules, in the order they are read in; passed if none is broken."""

    rules: tuple[Rule, ...]

    @property
    def passed(self) -> bool:
        return not self.broken

    def rule(self, name: str) -> Rule:
        """The rule of that name; KeyError if this verdict has none."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise KeyError(name)

    @property
    def broken(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.broken)
