"""Determined's stopping rule as an Optuna pruner."""

import math

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from fmnist.search.asha import FAILED, Plan, goes_on

EPOCH = "epoch"
"""User attribute: the epoch last reported. Optuna's last step would be the furthest that a trial
came before it was interrupted and began again."""

_RUNG = "fmnist:rung:{}"
_STOPPED = "fmnist:stopped"


class RungPruner(BasePruner):
    """Judges a trial at each rung of its bracket; expects a report at the end of every epoch.

    A metric that is no finite number ends a trial at once, and counts as the worst.

    A trial that comes to a rung leaves its metric there, in its system attributes, as Optuna's own
    pruners do: a restarted search finds the rungs as they were. It is judged there once: asked
    again, because the trial was interrupted and goes on, the pruner answers as it did before.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        epoch = trial.user_attrs[EPOCH]
        metric = trial.intermediate_values[epoch]
        if not math.isfinite(metric):
            self._record(study, trial, _reached(trial), FAILED)
            return True
        for rung, epochs in enumerate(self._plan.rungs_of(trial.number)[:-1]):
            if epochs != epoch:
                continue
            if trial.system_attrs.get(_RUNG.format(rung)) == metric:
                passes = trial.system_attrs.get(_STOPPED) != epoch
            else:
                passes = goes_on(metric, self._others(study, trial, rung), self._plan.divisor)
                # The judgement first: a rung that is written has been judged.
                study._storage.set_trial_system_attr(trial._trial_id, _STOPPED, None if passes else epoch)
                self._record(study, trial, rung, metric)
            if not passes:
                return True
        return False

    def _record(self, study: optuna.Study, trial: FrozenTrial, rung: int, metric: float) -> None:
        study._storage.set_trial_system_attr(trial._trial_id, _RUNG.format(rung), metric)

    def _others(self, study: optuna.Study, trial: FrozenTrial, rung: int) -> list[float]:
        bracket_of = self._plan.bracket_of
        values = [
            _value_at(other, rung)
            for other in study.get_trials(deepcopy=False)
            if other.number != trial.number and bracket_of[other.number] == bracket_of[trial.number]
        ]
        return [value for value in values if value is not None]


def _value_at(trial: FrozenTrial, rung: int) -> float | None:
    value: float | None = trial.system_attrs.get(_RUNG.format(rung))
    if value is not None or trial.state is not TrialState.FAIL:
        return value
    return FAILED if _reached(trial) == rung else None


def _reached(trial: FrozenTrial) -> int:
    """How many rungs the trial has come to."""
    return sum(key.startswith(_RUNG.format("")) for key in trial.system_attrs)
