"""Points of an experiment's hyperparameter ranges: that of trial i depends on the seed and i alone."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from fmnist.experiments import Categorical, Const, Experiment, Grid, Int, Log, Range
from fmnist.search.grid import grid

Point = Mapping[str, Any]
"""A value for each hyperparameter, by dotted name."""


def points(experiment: Experiment, trials: int) -> tuple[Point, ...]:
    """The hyperparameters of the first ``trials`` trials, constants included.

    Raises:
        ConfigError: there are too many points in the grid.
    """
    if isinstance(experiment.searcher, Grid):
        return grid(experiment)[:trials]
    study = optuna.create_study(sampler=SeededSampler(experiment.reproducibility.experiment_seed))
    varied = {name: _drawn_from(spec) for name, spec in varying(experiment).items()}
    drawn = [study.ask(fixed_distributions=varied).params for _ in range(trials)]
    return tuple(
        {name: _value(spec, point.get(name)) for name, spec in experiment.hyperparameters.items()}
        for point in drawn
    )


def varying(experiment: Experiment) -> dict[str, Range | Categorical]:
    """Specifications of the hyperparameters that vary between trials, by dotted name."""
    return {name: spec for name, spec in experiment.hyperparameters.items() if not isinstance(spec, Const)}


def distributions(experiment: Experiment) -> dict[str, BaseDistribution]:
    """Optuna's distributions of the hyperparameters that vary, by dotted name."""
    return {
        name: CategoricalDistribution([recorded(value) for value in spec.vals])
        if isinstance(spec, Categorical)
        else _drawn_from(spec)
        for name, spec in varying(experiment).items()
    }


def recorded(value: Any) -> bool | int | float | str | None:
    """A value as Optuna stores it: lists and mappings as JSON."""
    return value if isinstance(value, bool | int | float | str | None) else json.dumps(value)


def _drawn_from(spec: Range | Categorical) -> BaseDistribution:
    """Distribution to sample from; of a categorical one the index, since values may be equal."""
    if isinstance(spec, Categorical):
        return CategoricalDistribution(range(len(spec.vals)))
    if isinstance(spec, Int):
        return IntDistribution(spec.minval, spec.maxval)
    if isinstance(spec, Log):
        low, high = sorted((spec.base**spec.minval, spec.base**spec.maxval))
        return FloatDistribution(low, high, log=True)
    return FloatDistribution(spec.minval, spec.maxval)


def _value(spec: object, drawn: Any) -> Any:
    if isinstance(spec, Const):
        return spec.val
    return spec.vals[drawn] if isinstance(spec, Categorical) else drawn


class _IndependentSampler(BaseSampler):
    """Sampler that ignores other trials and other hyperparameters."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}


class SeededSampler(_IndependentSampler):
    """Uniform over the ranges; a value depends on seed, trial number and name alone.

    The state of Optuna's random sampler advances with each draw, so that a resumed search, or one whose
    trials end in another order, would get other points.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        digest = hashlib.sha256(f"{self._seed}/{trial.number}/{param_name}".encode()).digest()
        random = RandomSampler(seed=int.from_bytes(digest[:4], "big"))
        return random.sample_independent(study, trial, param_name, param_distribution)


class PlannedSampler(_IndependentSampler):
    """Returns point i for trial i."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return recorded(self._points[trial.number][param_name])
