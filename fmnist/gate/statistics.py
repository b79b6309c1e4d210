"""How sure a measured value is: exact tests and intervals, seeded resampling."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fmnist.gate.measurement import Estimate
from fmnist.gate.verdict import Interval

CONFIDENCE = 0.95
_Z = 1.959964
_RESAMPLES = 1000
_BISECTIONS = 30
_REMEMBERED = 4096
_SEED = 20170825


def proportion(hits: int, of: int) -> Estimate:
    """The share ``hits / of`` with Wilson's interval; 0 and all of 0-1 where ``of`` is 0."""
    if not of:
        return Estimate(0.0, Interval(0.0, 1.0))
    share, spread = hits / of, _Z**2 / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return Estimate(share, Interval(max(0.0, middle - half), min(1.0, middle + half)))


def paired_difference(gained: int, lost: int, of: int) -> Estimate:
    """The difference ``(gained - lost) / of`` of two shares of the same ``of`` images.

    The interval is Wald's with two pseudo-pairs (Agresti and Min 2005), which keeps its word also
    for few pairs.
    """
    half_pairs = 0.5
    up, down, total = gained + half_pairs, lost + half_pairs, of + 2
    middle = (up - down) / total
    half = _Z * math.sqrt(max(0.0, (up + down) / total - middle**2) / total)
    return Estimate((gained - lost) / of, Interval(max(-1.0, middle - half), min(1.0, middle + half)))


def percentiles(resampled: NDArray[np.float64]) -> Interval:
    """The interval that holds the middle 95 % of resampled values."""
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def resampled_counts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bootstrap of a table of counts: [1000, *shape], always the same for the same table."""
    random = np.random.default_rng(_SEED)
    drawn = random.multinomial(counts.sum(), counts.ravel() / counts.sum(), size=_RESAMPLES)
    return drawn.reshape(_RESAMPLES, *counts.shape)


def resampled_sums(values: NDArray[np.float64], group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    """Bootstrap of the sums of ``values`` [n] by ``group`` [n], 0 to ``groups`` - 1: [1000, groups]."""
    random = np.random.default_rng(_SEED)
    sums = np.empty((_RESAMPLES, groups))
    for row in sums:
        drawn = random.integers(0, len(values), len(values))
        row[:] = np.bincount(group[drawn], values[drawn], minlength=groups)
    return sums


@lru_cache(_REMEMBERED)
def most_lost(pairs: int, significance: float) -> int:
    """The exact one-sided McNemar test: how many of ``pairs`` images may be lost.

    ``pairs`` are the images that one of two models names right and the other wrong. If both are
    equally good, each is lost (only the other model has it) like a fair coin falls; the test
    refuses when so many are lost, or more, with probability at most ``significance``.
    """
    refused = _tails(pairs, 0.5) <= significance
    return int(np.argmax(refused)) - 1 if refused.any() else pairs


def chance_of_at_least(lost: int, pairs: int) -> float:
    """The test's p-value: how likely a fair coin makes at least ``lost`` of ``pairs``, 0-1."""
    return float(_tails(pairs, 0.5)[lost])


@lru_cache(_REMEMBERED)
def noticed_loss(pairs: int, given: int, images: int, significance: float, power: float) -> float:
    """The power of the test: the true loss, a share of ``images``, that it refuses with chance ``power``.

    ``pairs`` is the disagreement, of which ``given`` more are counted as gained before testing. 1.0
    if no loss at such a disagreement would be noticed.
    """
    least = most_lost(pairs + given, significance) + 1
    if least > pairs:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _tails(pairs, (1 + middle) / 2)[least] >= power:
            high = middle
        else:
            low = middle
    return high * pairs / images


def _tails(trials: int, chance: float) -> NDArray[np.float64]:
    """How likely at least 0, 1, ..., ``trials`` hits are, exactly summed: [trials + 1], falling."""
    hits = np.arange(trials + 1)
    logarithm = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    with np.errstate(divide="ignore", invalid="ignore"):
        misses = np.where(hits == trials, 0.0, (trials - hits) * np.log1p(-chance))
    exponent = logarithm[trials] - logarithm - logarithm[::-1] + hits * math.log(chance) + misses
    tails: NDArray[np.float64] = np.minimum(np.cumsum(np.exp(exponent)[::-1])[::-1], 1.0)
    return tails
