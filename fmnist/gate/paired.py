"""Is the candidate worse than an earlier version? Both answered the same images."""

from fmnist.gate.evidence import Comparison
from fmnist.gate.policy import BestPolicy, ChampionPolicy
from fmnist.gate.statistics import chance_of_at_least, most_lost, noticed_loss, paired_difference
from fmnist.gate.verdict import Outcome, Relation, Rule

CHAMPION = "champion"
BEST = "best version"
_POWER = 0.85
_LEAST_CHANCE = 1e-15


def champion_rule(comparison: Comparison | None, policy: ChampionPolicy) -> Rule:
    """Not worse than the version that serves, by the exact one-sided McNemar test."""
    if comparison is None:
        return _nobody(CHAMPION, "no champion yet: nothing to be worse than")
    return _rule(CHAMPION, comparison, 0, policy.significance)


def best_rule(comparison: Comparison | None, policy: BestPolicy) -> Rule:
    """Not worse than the best version ever promoted by more than the margin.

    Many releases, each a little worse than the one before, would all pass the champion's rule. The
    test is the same, after the candidate was given the margin as further images that it alone names
    right; that makes it slightly milder than its significance.
    """
    if comparison is None:
        return _nobody(BEST, "no version was ever promoted: nothing to be worse than")
    return _rule(BEST, comparison, round(policy.margin * comparison.images), policy.significance)


def _rule(name: str, comparison: Comparison, given: int, significance: float) -> Rule:
    lost, gained, images = comparison.lost, comparison.gained, comparison.images
    pairs = lost + gained
    allowed = min(most_lost(pairs + given, significance), pairs)
    difference = paired_difference(gained, lost, images)
    return Rule(
        name=name,
        outcome=Outcome.PASS if lost <= allowed else Outcome.FAIL,
        measured=difference.value,
        relation=Relation.AT_LEAST,
        bound=(pairs - 2 * allowed) / images,
        unit="share",
        uncertainty=difference.uncertainty,
        explanation=(
            f"of {images:,} images, {gained:,} are right only here and {lost:,} only in version "
            f"{comparison.version}, of which at most {allowed:,} may be{_given(given)} "
            f"({_chance(chance_of_at_least(lost, pairs + given))}, significance {significance:g}); "
            f"{_power(pairs, given, images, significance)}"
        ),
    )


def _chance(value: float) -> str:
    return f"p = {value:.2g}" if value >= _LEAST_CHANCE else f"p < {_LEAST_CHANCE:g}"


def _given(given: int) -> str:
    return f" with a margin of {given:,} images" if given else ""


def _power(pairs: int, given: int, images: int, significance: float) -> str:
    loss = noticed_loss(pairs, given, images, significance, _POWER)
    if loss >= 1:
        return "they differ in too few images for any loss to be noticed"
    return f"a true loss of {100 * loss:.2f} points would be noticed in {_POWER:.0%} of cases"


def _nobody(name: str, why: str) -> Rule:
    return Rule(name, Outcome.NOT_APPLICABLE, None, Relation.AT_LEAST, None, "share", None, why)
