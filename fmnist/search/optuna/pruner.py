"""Determined's stopping rule as an Optuna pruner."""

import math

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from fmnist.search.asha import FAILED, Plan, passes_rung

EPOCH = "epoch"
"""User attribute: the epoch last reported. Optuna's ``last_step`` would be the last epoch before an
interruption, even after the trial has started over."""

_RUNG = "fmnist:rung:{}"
_STOPPED = "fmnist:stopped"


class RungPruner(BasePruner):
    """Prunes a trial at a rung of its bracket unless it is among the best there.

    It needs a report at the end of every epoch. A metric that is not finite prunes a trial at once and
    ranks last.

    A trial that reaches a rung records its metric in its system attributes, as with Optuna's own
    pruners, so that a restarted search finds the rungs as they were. Each decision is made once: for a
    trial that was interrupted and reports again, the pruner repeats it.

    Args:
        plan: brackets, their rungs (epochs, ascending, at least 1) and the divisor (more than 1): the
            best ``1 / divisor`` of the trials at a rung pass it.
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
                passes = passes_rung(metric, self._others(study, trial, rung), self._plan.divisor)
                # The decision first: a rung that is recorded has been decided.
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
    """Number of rungs that the trial has reached."""
    return sum(key.startswith(_RUNG.format("")) for key in trial.system_attrs)
