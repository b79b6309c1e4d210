"""Run a search: trials go to workers, their reports to the study, its decisions back to the workers."""

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fmnist.core.provenance import DataReference
from fmnist.errors import ConfigError, FmnistError, IntegrityError
from fmnist.experiments import METRIC, Experiment
from fmnist.files.git import code_version
from fmnist.search.asha import plan_of
from fmnist.search.optuna.study import Study
from fmnist.search.progress import SearchProgress, SilentSearch
from fmnist.search.resources import Shares, trial_seed
from fmnist.search.study_folder import remove_states, state_folder, study_folder, study_id, trial_folder
from fmnist.search.trial import SearchResult, Trial, best_of
from fmnist.settings import PROJECT, Settings
from fmnist.tracking.base import Decision, EpochReport, Run, StudyLabel
from fmnist.training.fingerprint import fingerprint
from fmnist.training.job import TrainingJob
from fmnist.training.resume import StateFolder
from fmnist.training.workers import Worker, Workers

OpenRun = Callable[[str, str, StudyLabel], AbstractContextManager[Run]]
"""Opens a run in the tracker by name, job id and study; an error inside the block marks it as failed."""

_POLL_SECONDS = 1.0


def search(
    experiment: Experiment,
    data: DataReference,
    settings: Settings,
    workers: Workers,
    open_run: OpenRun,
    shares: Shares,
    *,
    fresh: bool = False,
    progress: SearchProgress | None = None,
) -> SearchResult:
    """Run the trials of an experiment; those that an interrupted search finished are not repeated.

    Args:
        experiment: hyperparameter ranges, searcher and seed.
        data: the commit that the workers train on.
        settings: folders of studies and checkpoints.
        workers: run the trials.
        open_run: opens a run per trial.
        shares: how many trials run at once, and how many threads each has.
        fresh: set an existing study of this name aside first.
        progress: called for each event.

    Raises:
        ConfigError: the file is wrong, or a study of this name is finished or has other settings or data.
        UnavailableError: another process runs this study.
        FmnistError: every trial failed.
    """
    progress = progress or SilentSearch()
    plan = plan_of(experiment)
    with study_folder(settings, experiment, data, fresh=fresh) as folder:
        study = Study(folder / "journal.log", experiment, plan)
        if study.finished:
            raise ConfigError(
                f"study {experiment.name} ({folder}) is finished. --fresh sets it aside and starts over; "
                "--config name=... starts a new one under another name"
            )
        progress.began(plan, shares)
        job_of = _jobs(experiment, study, folder, data, settings, shares)
        label = StudyLabel(study_id(folder), experiment.searcher.model_dump(exclude_defaults=True))

        def open_labelled(name: str, job: str) -> AbstractContextManager[Run]:
            return open_run(name, job, label)

        _TrialScheduler(study, workers, job_of, open_labelled, progress, experiment.max_restarts).run_trials(
            shares.jobs
        )
        # An earlier session that was killed right after a trial's end left that trial's states.
        remove_states(folder)
        return _result(experiment.name, study.trials())


def _jobs(
    experiment: Experiment,
    study: Study,
    folder: Path,
    data: DataReference,
    settings: Settings,
    shares: Shares,
) -> Callable[[int], TrainingJob]:
    git_commit = str(code_version(PROJECT))

    def job_of(trial: int) -> TrainingJob:
        return TrainingJob(
            experiment=experiment.name,
            hyperparameters=study.hyperparameters[trial],
            train_data=data,
            folder=trial_folder(settings, experiment.name, trial),
            seed=trial_seed(experiment.reproducibility.experiment_seed, trial),
            threads=shares.threads,
            git_commit=git_commit,
            state=state_folder(folder, trial),
        )

    return job_of


def _result(experiment: str, trials: tuple[Trial, ...]) -> SearchResult:
    best = best_of(trials)
    if best is None:
        raise FmnistError(
            f"search {experiment}: all {len(trials)} trials failed; trial {trials[0].id}: {trials[0].error}"
        )
    return SearchResult(experiment, trials, best)


class TrialFailed(FmnistError):
    """A trial ended without a checkpoint."""


@dataclass(frozen=True)
class _RunningTrial:
    job: TrainingJob
    run: "_TrialRun"
    states: StateFolder
    stack: ExitStack
    """Closes the run in the tracker."""

    @property
    def id(self) -> int:
        return self.run.trial


@dataclass
class _TrialScheduler:
    """Keeps as many trials running as the machine's shares allow, until the study has no more."""

    study: Study
    workers: Workers
    job_of: Callable[[int], TrainingJob]
    open_run: Callable[[str, str], AbstractContextManager[Run]]
    progress: SearchProgress
    max_restarts: int
    running: dict[Worker, _RunningTrial] = field(default_factory=dict)

    def run_trials(self, jobs: int) -> None:
        """Run all trials, ``jobs`` at once; an error fails the runs that are open in the tracker."""
        with ExitStack() as runs:
            while self._start_trials(jobs, runs):
                for worker in self.workers.wait(_POLL_SECONDS):
                    self._end_trial(worker)

    def _start_trials(self, jobs: int, runs: ExitStack) -> bool:
        """Start trials while there is room; whether any is running."""
        while len(self.running) < jobs and (number := self.study.next()) is not None:
            trial = self._open_trial(number)
            runs.push(trial.stack)
            self._start_worker(trial)
            self._show_trial(number)
        return bool(self.running)

    def _open_trial(self, number: int) -> _RunningTrial:
        job = self.job_of(number)
        states = self._open_states(number, job)
        stack = ExitStack()
        run = stack.enter_context(self.open_run(f"trial-{number}", states.id))
        return _RunningTrial(job, _TrialRun(number, run, self.study, self._show_trial), states, stack)

    def _open_states(self, number: int, job: TrainingJob) -> StateFolder:
        """The folder of the trial's states; those of an earlier session that do not fit are removed."""
        assert job.state
        try:
            return StateFolder(job.state, fingerprint(job))
        except (ConfigError, IntegrityError) as error:
            self.progress.noted(f"trial {number} starts over: {error}")
            shutil.rmtree(job.state)
            return StateFolder(job.state, fingerprint(job))

    def _start_worker(self, trial: _RunningTrial) -> None:
        progress = _TrialProgress(trial.id, self.progress)
        self.running[self.workers.start(trial.job, trial.run, progress)] = trial

    def _end_trial(self, worker: Worker) -> None:
        trial = self.running.pop(worker)
        failure = worker.failure
        if failure and failure.transient and self._may_restart(trial.id, failure.reason):
            self._start_worker(trial)
            return
        # The study first: a trial that it has recorded is not run again.
        if failure:
            self.study.fail(trial.id, failure.reason)
        else:
            self.study.finish(trial.id, trial.job.folder)
        with suppress(TrialFailed), trial.stack:
            if failure:
                raise TrialFailed(failure.reason)
        # Last: killed before, the trial resumes from its states, which costs no epoch.
        trial.states.remove()
        self._show_trial(trial.id)

    def _may_restart(self, number: int, reason: str) -> bool:
        restarts = self.study.restarted(number)
        if restarts > self.max_restarts:
            return False
        self.progress.noted(f"trial {number}: {reason}; restarted, {restarts} of {self.max_restarts}")
        return True

    def _show_trial(self, number: int) -> None:
        self.progress.changed(self.study.trial(number), self.study.trials())


class _TrialRun:
    """A trial's run in the tracker, which also reports to the study and stops when either decides so."""

    def __init__(self, trial: int, run: Run, study: Study, show: Callable[[int], None]) -> None:
        self.trial = trial
        self._run = run
        self._study = study
        self._show = show

    @property
    def id(self) -> str:
        return self._run.id

    def start(self, parameters: Mapping[str, Any]) -> None:
        self._run.start({**parameters, "trial": self.trial})

    def report(self, report: EpochReport) -> Decision:
        by_tracker = self._run.report(report)
        by_study = self._study.report(self.trial, report.epoch, report.validation[METRIC])
        self._show(self.trial)
        return Decision.STOP if Decision.STOP in (by_tracker, by_study) else Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        self._run.finish(bundle)


class _TrialProgress:
    """A trial's progress, forwarded to the search's."""

    def __init__(self, trial: int, progress: SearchProgress) -> None:
        self._trial = trial
        self._progress = progress

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        self._progress.stepped(self._trial, epoch - 1 + step / steps)

    def reported(self, report: EpochReport) -> None:
        pass

    def noted(self, text: str) -> None:
        self._progress.noted(f"trial {self._trial}: {text}")
