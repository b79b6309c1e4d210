"""Estimates with 95 % confidence intervals, and the exact one-sided McNemar test."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fmnist.gate.verdict import Interval

CONFIDENCE = 0.95
_Z = 1.959964
_POWER = 0.85
_MIN_P = 1e-15
_RESAMPLES = 1000
_SEED = 20170825


@dataclass(frozen=True)
class Estimate:
    """A measured value and, unless it is exact, its 95 % confidence interval."""

    value: float
    uncertainty: Interval | None = None


def proportion(hits: int, of: int) -> Estimate:
    """The proportion ``hits / of`` with Wilson's interval; 0 and all of 0-1 where ``of`` is 0."""
    # scipy.stats.binomtest has it, but importing scipy.stats takes longer than all predictions.
    if not of:
        return Estimate(0.0, Interval(0.0, 1.0))
    share, spread = hits / of, _Z**2 / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return Estimate(share, Interval(max(0.0, middle - half), min(1.0, middle + half)))


def paired_difference(gained: int, lost: int, of: int) -> Estimate:
    """The difference ``(gained - lost) / of`` of two proportions of the same ``of`` images.

    The interval is Wald's with two pseudo-pairs (Agresti and Min 2005), which keeps its coverage for few
    pairs as well. SciPy has no interval for paired proportions.
    """
    half_pairs = 0.5
    up, down, total = gained + half_pairs, lost + half_pairs, of + 2
    middle = (up - down) / total
    half = _Z * math.sqrt(max(0.0, (up + down) / total - middle**2) / total)
    return Estimate((gained - lost) / of, Interval(max(-1.0, middle - half), min(1.0, middle + half)))


# scipy.stats.bootstrap resamples observations, not counts, and draws other numbers from the same seed:
# it takes longer, and the intervals of verdicts given before would move.


def percentiles(resampled: NDArray[np.float64]) -> Interval:
    """The interval that holds the middle 95 % of resampled values."""
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def resampled_counts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bootstrap of a table of counts: [1000, *shape], always the same for the same table."""
    random = np.random.default_rng(_SEED)
    tables = random.multinomial(counts.sum(), counts.ravel() / counts.sum(), size=_RESAMPLES)
    return tables.reshape(_RESAMPLES, *counts.shape)


def resampled_sums(values: NDArray[np.float64], group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """Bootstrap of the sums of ``values`` [n] by ``group`` [n], 0 to ``groups`` - 1: [1000, groups]."""
    random = np.random.default_rng(_SEED)
    sums = np.empty((_RESAMPLES, groups))
    for row in sums:
        chosen = random.integers(0, len(values), len(values))
        row[:] = np.bincount(group[chosen], values[chosen], minlength=groups)
    return sums


@lru_cache(4096)
def max_lost(pairs: int, significance: float) -> int:
    """The exact one-sided McNemar test: the largest number of ``pairs`` images that may be lost.

    Args:
        pairs: images that exactly one of two models classifies correctly. If both are equally good,
            each of these is lost (only the other model has it) with probability 1/2.
        significance: the largest probability, 0-1, at which the test refuses equally good models.
    """
    from scipy.special import bdtrc

    refused = bdtrc(np.arange(-1, pairs), pairs, 0.5) <= significance
    return int(np.argmax(refused)) - 1 if refused.any() else pairs


def p_value(lost: int, pairs: int) -> float:
    """The test's p-value: the probability, 0-1, of losing at least ``lost`` of ``pairs`` by chance."""
    from scipy.special import bdtrc

    return float(bdtrc(lost - 1, pairs, 0.5))


@lru_cache(4096)
def detectable_loss(pairs: int, margin: int, images: int, significance: float, power: float) -> float:
    """The true loss, a share of ``images``, that the test refuses with probability ``power``.

    ``pairs`` is the disagreement, to which ``margin`` images gained are added before testing. 1.0 if no
    loss at such a disagreement would be detected.
    """
    from scipy.special import betaincinv

    refused_from = max_lost(pairs + margin, significance) + 1
    if refused_from > pairs:
        return 1.0
    # The chance of losing a pair at which at least so many are lost with that power.
    chance = betaincinv(refused_from, pairs - refused_from + 1, power)
    return max(0.0, 2 * float(chance) - 1) * pairs / images


@dataclass(frozen=True)
class PairedTest:
    """McNemar's test of one candidate against an earlier version.

    Attributes:
        lost: images that only the earlier version classifies correctly.
        gained: images that only the candidate classifies correctly.
        images: number of test images.
        margin: images that are added to those gained before the test.
        significance: 0-1.
    """

    lost: int
    gained: int
    images: int
    margin: int
    significance: float

    @property
    def allowed(self) -> int:
        """The largest number of images that may be lost."""
        pairs = self.lost + self.gained
        return min(max_lost(pairs + self.margin, self.significance), pairs)

    @property
    def bound(self) -> float:
        """The smallest difference of the accuracies that passes."""
        return (self.lost + self.gained - 2 * self.allowed) / self.images

    def explanation(self, earlier: str) -> str:
        """The test in one sentence; ``earlier`` names the earlier version."""
        pairs, margin = self.lost + self.gained, self.margin
        p = p_value(self.lost, pairs + margin)
        loss = detectable_loss(pairs, margin, self.images, self.significance, _POWER)
        given = f" with a margin of {margin:,} images" if margin else ""
        chance = f"p = {p:.2g}" if p >= _MIN_P else f"p < {_MIN_P:g}"
        power = (
            f"a true loss of {100 * loss:.2f} points would be detected with a power of {_POWER:.0%}"
            if loss < 1
            else "they differ in too few images to detect any loss"
        )
        return (
            f"of {self.images:,} images, {self.gained:,} are correct only here and {self.lost:,} only in "
            f"{earlier}, where at most {self.allowed:,} are allowed{given} "
            f"({chance}, significance {self.significance:g}); {power}"
        )
