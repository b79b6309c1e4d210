"""A study in Optuna's journal file: its trials, their reports, and the next trial."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as State

from fmnist.errors import ConfigError
from fmnist.experiments import Experiment, nested
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.search.asha import Plan
from fmnist.search.optuna.journal import repair
from fmnist.search.optuna.pruner import EPOCH, RungPruner
from fmnist.search.optuna.space import PlannedSampler, distributions
from fmnist.search.optuna.space import points as points_of
from fmnist.search.trial import Trial, TrialState
from fmnist.tracking.base import Decision

_CHECKPOINT = "checkpoint"
_ERROR = "error"
_RESTARTS = "restarts"
_STATES = {
    State.RUNNING: TrialState.RUNNING,
    State.COMPLETE: TrialState.COMPLETED,
    State.PRUNED: TrialState.STOPPED,
    State.FAIL: TrialState.FAILED,
}


class Study:
    """The trials of one search. One process at a time may open a study (see ``study_folder``).

    A trial that was running when an earlier session ended is returned by ``next`` again, with its
    number and hyperparameters; the others keep their results. Repeated reports are stored once.
    """

    def __init__(self, file: Path, experiment: Experiment, plan: Plan) -> None:
        """Open the study in ``file``, a new one if the file is missing.

        Raises:
            ConfigError: a range is wrong, or one of its points is invalid.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        repair(file)
        self._plan = plan
        self._space = distributions(experiment)
        planned = points_of(experiment, plan.trials)
        self._points = tuple(nested(point) for point in planned)
        self.hyperparameters = tuple(Hyperparameters.read(point) for point in self._points)
        if any(point.val_size == 0 for point in self.hyperparameters):
            raise ConfigError(
                "hyperparameters.val_size: 0 holds out no image, but a search compares trials by their "
                "validation accuracy; expected more than 0"
            )
        self._pruner = RungPruner(plan)
        self._study = optuna.create_study(
            study_name=experiment.name,
            storage=JournalStorage(JournalFileBackend(str(file))),
            sampler=PlannedSampler(planned),
            pruner=self._pruner,
            direction="maximize",
            load_if_exists=True,
        )
        self._interrupted = [trial for trial in self._frozen() if trial.state is State.RUNNING]
        self._running: dict[int, optuna.Trial] = {}
        self._stopped: set[int] = set()

    @property
    def finished(self) -> bool:
        """Whether every planned trial has come to an end."""
        frozen = self._frozen()
        return len(frozen) == self._plan.trials and all(trial.state.is_finished() for trial in frozen)

    def trials(self) -> tuple[Trial, ...]:
        """All trials so far, by id."""
        return tuple(self._trial(frozen) for frozen in self._frozen())

    def trial(self, number: int) -> Trial:
        return self._trial(self._frozen()[number])

    def next(self) -> int | None:
        """The number of the next trial to run; None once as many as planned have begun."""
        if self._interrupted:
            trial = optuna.Trial(self._study, self._interrupted.pop(0)._trial_id)
            trial.set_user_attr(EPOCH, 0)
            for name, distribution in self._space.items():
                # Killed within `ask`, not every hyperparameter was written.
                trial._suggest(name, distribution)
        elif len(self._frozen()) < self._plan.trials:
            trial = self._study.ask(fixed_distributions=self._space)
        else:
            return None
        self._running[trial.number] = trial
        return trial.number

    def report(self, number: int, epoch: int, metric: float) -> Decision:
        """Record the metric of an epoch, in order; returns the searcher's decision.

        A resumed trial reports its epochs again and gets the same decisions, unless a metric differs.
        """
        trial = self._running[number]
        if self._frozen()[number].intermediate_values.get(epoch) != metric:
            # Trial.report would keep the value of the interrupted session.
            self._study._storage.set_trial_intermediate_value(trial._trial_id, epoch, metric)
        trial.set_user_attr(EPOCH, epoch)
        if not self._pruner.prune(self._study, self._frozen()[number]):
            return Decision.CONTINUE
        self._stopped.add(number)
        return Decision.STOP

    def finish(self, number: int, checkpoint: Path) -> None:
        """Record that the trial completed or was stopped by the searcher."""
        trial = self._running.pop(number)
        trial.set_user_attr(_CHECKPOINT, str(checkpoint))
        if number in self._stopped:
            self._study.tell(trial, state=State.PRUNED)
        else:
            self._study.tell(trial, self.trial(number).metric)

    def fail(self, number: int, error: str) -> None:
        """Record that the trial ended without a checkpoint."""
        trial = self._running.pop(number)
        trial.set_user_attr(_ERROR, error)
        self._study.tell(trial, state=State.FAIL)

    def restarted(self, number: int) -> int:
        """Count a restart of a running trial whose process died; returns the number of restarts."""
        trial = self._running[number]
        restarts = int(trial.user_attrs.get(_RESTARTS, 0)) + 1
        trial.set_user_attr(_RESTARTS, restarts)
        return restarts

    def _frozen(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _trial(self, frozen: FrozenTrial) -> Trial:
        return _converted(frozen, self._plan, self._points[frozen.number])


def read_trials(file: Path, experiment: Experiment, plan: Plan) -> tuple[Trial, ...]:
    """The trials in ``file``, by id; other processes may read while a search is running."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(file)))
    kept = [
        frozen for study in storage.get_all_studies() for frozen in storage.get_all_trials(study._study_id)
    ]
    points = (nested(point) for point in points_of(experiment, plan.trials))
    return tuple(_converted(frozen, plan, point) for frozen, point in zip(kept, points, strict=False))


def _converted(frozen: FrozenTrial, plan: Plan, hyperparameters: Mapping[str, Any]) -> Trial:
    checkpoint = frozen.user_attrs.get(_CHECKPOINT)
    epochs = frozen.user_attrs.get(EPOCH, 0)
    return Trial(
        id=frozen.number,
        state=_STATES[frozen.state],
        epochs=epochs,
        rungs=plan.rungs_of(frozen.number),
        hyperparameters=hyperparameters,
        metric=frozen.intermediate_values.get(epochs),
        checkpoint=Path(checkpoint) if checkpoint else None,
        error=frozen.user_attrs.get(_ERROR),
        curve=tuple(value for epoch, value in sorted(frozen.intermediate_values.items()) if epoch <= epochs),
    )
