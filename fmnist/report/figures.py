"""Measured values as people read them."""

from fmnist.gate.rules import GROUPS
from fmnist.gate.verdict import Interval, Relation, Rule

NOTHING = "\N{EN DASH}"

_LISTED = 2


def figure(value: float | None, unit: str) -> str:
    """A value with its unit; a dash where there is none."""
    if value is None:
        return NOTHING
    if unit == "share":
        return f"{value:.4f}"
    if unit == "ms":
        return f"{value:.3f} ms"
    if unit == "bytes":
        return f"{value / 1e6:.2f} MB" if value >= 1e5 else f"{value:,.0f} bytes"
    return f"{value:,.0f} {unit}"


def bound(rule: Rule) -> str:
    """``≥ 0.9000``."""
    if rule.bound is None:
        return NOTHING
    return f"{'≥' if rule.relation is Relation.AT_LEAST else '≤'} {figure(rule.bound, rule.unit)}"


def interval(value: Interval | None, unit: str) -> str:
    """``0.9165 to 0.9270``, empty where the value is a count."""
    return "" if value is None else f"{figure(value.low, unit)} to {figure(value.high, unit)}"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.2f} pt"


def names(rules: tuple[Rule, ...]) -> str:
    """The rules' names on one line; those of several classes or kinds as their number."""
    grouped: list[str] = []
    for group in dict.fromkeys(filter(None, GROUPS.values())):
        members = [rule for rule in rules if GROUPS.get(rule.name) == group]
        if len(members) > _LISTED:
            grouped.append(group.format(len(members)))
            rules = tuple(rule for rule in rules if rule not in members)
    return ", ".join([*(rule.name for rule in rules), *grouped])


def short(sha: str) -> str:
    """Enough of a sum or commit to tell it from others; a ``-dirty`` stays."""
    return sha if len(sha) < 16 else sha[:10] + ("-dirty" if sha.endswith("-dirty") else "")


def moment(iso: str) -> str:
    """``2026-11-21 14:02 UTC`` for an ISO 8601 time in UTC; other text as it is."""
    if iso.endswith(("+00:00", "Z")) and len(iso) >= 16:
        return f"{iso[:10]} {iso[11:16]} UTC"
    return iso
