"""Adaptive search of Determined 0.38 as pure functions.

Trials are divided among brackets. A bracket has rungs, epochs at whose end a trial must be among
the best ``1 / divisor`` of those that have reached that rung of that bracket so far, or it is
stopped; each trial is judged once per rung (the stopping variant of asynchronous
successive halving, Li et al., arXiv 1810.05934). A bracket of one rung never stops a trial.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from fmnist.experiments import AdaptiveAsha, Experiment, Grid, Random
from fmnist.search.grid import size

FAILED = -math.inf
"""Metric of a failed trial in the rung that it did not reach."""


@dataclass(frozen=True)
class Bracket:
    """A group of trials with the same rungs.

    Attributes:
        rungs: epochs, ascending; the last one is a trial's full length.
        trials: how many start in this bracket, at least 1.
    """

    rungs: tuple[int, ...]
    trials: int


@dataclass(frozen=True)
class Plan:
    """Brackets of a search.

    Attributes:
        brackets: the one with the most rungs first.
        bracket_of: index of each trial's bracket.
        divisor: the best ``1 / divisor`` of the trials pass a rung; at least 1.
    """

    brackets: tuple[Bracket, ...]
    bracket_of: tuple[int, ...]
    divisor: float

    @property
    def trials(self) -> int:
        return len(self.bracket_of)

    def rungs_of(self, trial: int) -> tuple[int, ...]:
        return self.brackets[self.bracket_of[trial]].rungs

    def preview(self) -> dict[int, int]:
        """Number of trials by the epochs after which they end, if all reach a rung before any is judged.

        ``det preview-search`` shows the same numbers.
        """
        ends: Counter[int] = Counter()
        for bracket in self.brackets:
            here = bracket.trials
            for rung in bracket.rungs[:-1]:
                further = places(here, self.divisor)
                ends[rung] += here - further
                here = further
            ends[bracket.rungs[-1]] += here
        return dict(sorted(ends.items()))


def plan_of(experiment: Experiment) -> Plan:
    """The plan of an experiment; every trial runs to its end unless the searcher is adaptive."""
    searcher = experiment.searcher
    if isinstance(searcher, AdaptiveAsha):
        brackets = _brackets(searcher)
        return Plan(brackets, _in_turn([bracket.trials for bracket in brackets]), searcher.divisor)
    trials = _trials(experiment)
    return Plan((Bracket((experiment.epochs,), trials),), (0,) * trials, divisor=1)


def _trials(experiment: Experiment) -> int:
    match experiment.searcher:
        case Random(max_trials=trials):
            return trials
        case Grid():
            return size(experiment)
        case _:
            return 1


def places(trials: int, divisor: float) -> int:
    """How many of the trials at a rung pass it: at least one."""
    return max(int(trials / divisor), 1)


def passes_rung(metric: float, others: Sequence[float], divisor: float) -> bool:
    """Whether a trial with ``metric`` (larger is better) passes a rung that ``others`` reached before.

    Among equal metrics the newest ranks first, as at Determined's master.
    """
    better = sum(other > metric for other in others)
    return better < places(len(others) + 1, divisor)


def rungs(number: int, divisor: float, max_time: int) -> tuple[int, ...]:
    """``number`` rungs from ``max_time`` downwards, each the one above over ``divisor``; ascending."""
    return tuple(max(int(max_time / divisor**step), 1) for step in reversed(range(number)))


def _brackets(searcher: AdaptiveAsha) -> tuple[Bracket, ...]:
    numbers = sorted(searcher.bracket_rungs or _rung_numbers(searcher), reverse=True)
    brackets = []
    left = searcher.max_trials
    for number, share in zip(numbers, _shares(numbers, searcher.divisor, searcher.max_trials), strict=True):
        # Determined gives each bracket a trial even where that makes more than max_trials in all.
        trials = min(share, left)
        left -= trials
        if trials:
            brackets.append(Bracket(rungs(number, searcher.divisor, searcher.max_time), trials))
    return tuple(brackets)


def _rung_numbers(searcher: AdaptiveAsha) -> range:
    """The number of rungs of each bracket, by mode; so few that one trial comes to the top rung."""

    def at_most(value: int) -> int:
        return int(math.log(value) / math.log(searcher.divisor)) + 1

    most = min(searcher.max_rungs, at_most(searcher.max_time), at_most(searcher.max_trials))
    fewest = {"aggressive": most, "standard": (most - 1) // 2 + 1, "conservative": 1}[searcher.mode]
    return range(fewest, most + 1)


def _shares(numbers: Sequence[int], divisor: float, max_trials: int) -> list[int]:
    """Trials per bracket, so that every bracket trains for about the same number of epochs."""
    weights = [divisor ** (number - 1) / number for number in numbers]
    shares = [max(int(weight / sum(weights) * max_trials), 1) for weight in weights]
    shares[0] += max(max_trials - sum(shares), 0)
    return shares


def _in_turn(trials: Sequence[int]) -> tuple[int, ...]:
    """Bracket of each trial: brackets take turns until they are full."""
    queues = [[number] * count for number, count in enumerate(trials)]
    return tuple(number for turn in zip_longest(*queues) for number in turn if number is not None)
