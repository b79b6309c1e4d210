"""From an experiment's hyperparameter ranges to points: trial i's point is a function of seed and i."""

import hashlib
from collections.abc import Mapping
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

from fmnist.errors import ConfigError
from fmnist.training.experiment import Categorical, Const, Double, Experiment, Hyperparameter, Int, nested


def points(experiment: Experiment, trials: int) -> tuple[dict[str, Any], ...]:
    """The hyperparameters of the first ``trials`` trials, constants included, nested as in the file.

    Raises:
        ConfigError: a range is empty or holds what cannot be kept; names it.
    """
    study = optuna.create_study(sampler=PointSampler(experiment.reproducibility.experiment_seed))
    space = distributions(experiment)
    drawn = [study.ask(fixed_distributions=space).params for _ in range(trials)]
    return tuple(
        nested(
            {
                name: spec.val if isinstance(spec, Const) else point[name]
                for name, spec in experiment.hyperparameters.items()
            }
        )
        for point in drawn
    )


def distributions(experiment: Experiment) -> dict[str, BaseDistribution]:
    """The hyperparameters that vary, by dotted name.

    Raises:
        ConfigError: a range is empty or holds what cannot be kept; names it.
    """
    return {
        name: _distribution(name, spec)
        for name, spec in experiment.hyperparameters.items()
        if not isinstance(spec, Const)
    }


def _distribution(name: str, spec: Hyperparameter) -> BaseDistribution:
    assert not isinstance(spec, Const)
    if isinstance(spec, Categorical):
        strange = [value for value in spec.vals if not isinstance(value, bool | int | float | str | None)]
        if strange:
            raise ConfigError(
                f"hyperparameters.{name}.vals: {strange[0]!r} is a {type(strange[0]).__name__}; "
                "expected numbers, texts, true, false or null"
            )
        return CategoricalDistribution(spec.vals)
    if spec.minval > spec.maxval:
        raise ConfigError(f"hyperparameters.{name}: minval {spec.minval} is above maxval {spec.maxval}")
    if isinstance(spec, Int):
        return IntDistribution(spec.minval, spec.maxval)
    if isinstance(spec, Double):
        return FloatDistribution(spec.minval, spec.maxval)
    return FloatDistribution(spec.base**spec.minval, spec.base**spec.maxval, log=True)


class PointSampler(BaseSampler):
    """Uniform over the ranges; what it gives depends on seed, trial number and name alone.

    Optuna's own random sampler goes on from draw to draw, so that a resumed search, or one whose
    trials end in another order, would get other points.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        digest = hashlib.sha256(f"{self._seed}/{trial.number}/{param_name}".encode()).digest()
        random = RandomSampler(seed=int.from_bytes(digest[:4], "big"))
        return random.sample_independent(study, trial, param_name, param_distribution)
