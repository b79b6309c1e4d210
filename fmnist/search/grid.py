"""Points of a grid search, in the order of Determined's master."""

import math
from itertools import product
from typing import Any

from fmnist.errors import ConfigError
from fmnist.experiments import Categorical, Const, Double, Experiment, Hyperparameter, Int

_MOST = 10_000


def size(experiment: Experiment) -> int:
    """Number of points of the grid.

    Raises:
        ConfigError: there are too many points.
    """
    counts = [len(_values(spec)) for spec in experiment.hyperparameters.values()]
    points = math.prod(counts)
    if points > _MOST:
        raise ConfigError(
            f"{experiment.name}: the grid has {points:,} points, more than {_MOST:,}; lower the counts in "
            "hyperparameters, or use searcher.name random"
        )
    return points


def grid(experiment: Experiment) -> tuple[dict[str, Any], ...]:
    """Every combination of values, by dotted name.

    The master sorts hyperparameters by name, combines them with the last one changing fastest, and
    takes points from the end (``master/pkg/searcher/grid.go``).

    Raises:
        ConfigError: there are too many points.
    """
    size(experiment)
    # Sorted group by group, as nested names are there.
    names = sorted(experiment.hyperparameters, key=lambda name: name.split("."))
    axes = [_values(experiment.hyperparameters[name]) for name in names]
    points = [dict(zip(names, values, strict=True)) for values in product(*axes)]
    return tuple(reversed(points))


def _values(spec: Hyperparameter) -> list[Any]:
    if isinstance(spec, Const):
        return [spec.val]
    if isinstance(spec, Categorical):
        return list(spec.vals)
    assert spec.count is not None  # the file would not have been loaded
    if isinstance(spec, Int):
        count = min(spec.count, spec.maxval - spec.minval + 1)
        return [_rounded(value) for value in _spread(spec.minval, spec.maxval, count)]
    values = _spread(spec.minval, spec.maxval, spec.count)
    return values if isinstance(spec, Double) else [spec.base**exponent for exponent in values]


def _spread(low: float, high: float, count: int) -> list[float]:
    """``count`` equidistant numbers from ``low`` to ``high``; the middle if ``count`` is 1."""
    if count == 1:
        return [(low + high) / 2]
    return [low + number * (high - low) / (count - 1) for number in range(count)]


def _rounded(value: float) -> int:
    """Nearest integer, halves away from zero, as Go's ``math.Round``."""
    return int(value + 0.5) if value >= 0 else -int(-value + 0.5)
