"""The gate's answer: each rule with what was measured and what was asked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One rule's outcome; ``measured`` and ``bound`` are in the rule's own unit."""

    name: str
    measured: float
    bound: float
    passed: bool
    explanation: str


@dataclass(frozen=True)
class Verdict:
    """All rules, in the order they are read in; passed if every one is."""

    rules: tuple[Rule, ...]

    @property
    def passed(self) -> bool:
        return all(rule.passed for rule in self.rules)

    def rule(self, name: str) -> Rule:
        """The rule of that name; KeyError if this verdict has none."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise KeyError(name)

    @property
    def broken(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if not rule.passed)
