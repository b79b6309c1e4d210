"""The search: gives trials to workers, their reports to the study, and the study's answers back."""

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.core.provenance import DataReference
from fmnist.errors import ConfigError, FmnistError, IntegrityError
from fmnist.experiments import METRIC, Experiment
from fmnist.files.git import code_version
from fmnist.search.asha import plan_of
from fmnist.search.optuna.study import Study
from fmnist.search.progress import Progress, Silent
from fmnist.search.resources import Shares, trial_seed
from fmnist.search.study_folder import remove_states, state_folder, study_folder, study_id, trial_folder
from fmnist.search.trial import SearchResult, Trial, best_of
from fmnist.search.workers import Worker, Workers
from fmnist.settings import PROJECT, Settings
from fmnist.tracking.base import Decision, EpochReport, Run, StudyLabel
from fmnist.training.fingerprint import identity
from fmnist.training.job import TrainingJob
from fmnist.training.resume import StateFolder

OpenRun = Callable[[str, str, StudyLabel], AbstractContextManager[Run]]
"""Opens the tracker's run of a name and a job's id; one that raises inside the block ends as failed."""

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
    progress: Progress | None = None,
) -> SearchResult:
    """Run the trials of an experiment; those that an interrupted search finished are not repeated.

    Args:
        experiment: says what to try.
        data: the commit that the workers' images are of.
        settings: say where the study and the checkpoints go.
        workers: do the trainings.
        open_run: makes each trial's own run.
        shares: how many trials at once, and how many threads each gets.
        fresh: set an existing study of this name aside first.
        progress: is told of each trial's news.

    Raises:
        ConfigError: the file is wrong, or a study of this name is finished or belongs elsewhere.
        UnavailableError: another process is searching this study.
        FmnistError: every trial failed.
    """
    progress = progress or Silent()
    plan = plan_of(experiment)
    with study_folder(settings, experiment, data, fresh=fresh) as folder:
        study = Study(folder / "journal.log", experiment, plan)
        if study.finished:
            raise ConfigError(
                f"study {experiment.name} ({folder}) is finished. --fresh sets it aside and starts anew; "
                "--config name=... starts another beside it"
            )
        progress.began(plan, shares)
        job_of = _jobs(experiment, study, folder, data, settings, shares)
        label = StudyLabel(study_id(folder), experiment.searcher.model_dump(exclude_defaults=True))
        trials = _Search(study, workers, job_of, open_run, label, progress, experiment.max_restarts)
        trials.run(shares.jobs)
        # Killed right after a trial's end, an earlier session left that trial's.
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
class _Running:
    job: TrainingJob
    opened: AbstractContextManager[Run]
    run: "_TrialRun"
    kept: StateFolder

    @property
    def trial(self) -> int:
        return self.run.trial


class _Search:
    def __init__(
        self,
        study: Study,
        workers: Workers,
        job_of: Callable[[int], TrainingJob],
        open_run: OpenRun,
        label: StudyLabel,
        progress: Progress,
        max_restarts: int,
    ) -> None:
        self._study = study
        self._workers = workers
        self._job_of = job_of
        self._open_run = open_run
        self._label = label
        self._progress = progress
        self._max_restarts = max_restarts
        self._running: dict[Worker, _Running] = {}

    def run(self, jobs: int) -> None:
        try:
            while self._fill(jobs):
                for worker in self._workers.wait(_POLL_SECONDS):
                    self._end(worker)
        except BaseException as error:
            for running in self._running.values():
                running.opened.__exit__(type(error), error, error.__traceback__)
            raise

    def _fill(self, jobs: int) -> bool:
        """Start trials while there is room; whether any runs."""
        while len(self._running) < jobs and (trial := self._study.next()) is not None:
            self._start(trial)
        return bool(self._running)

    def _start(self, trial: int) -> None:
        job = self._job_of(trial)
        kept = self._kept(trial, job)
        opened = self._open_run(f"trial-{trial}", kept.id, self._label)
        run = _TrialRun(trial, opened.__enter__(), self._study, self._tell)
        self._train(_Running(job, opened, run, kept))
        self._tell(trial)

    def _kept(self, trial: int, job: TrainingJob) -> StateFolder:
        """Where the trial's states are kept; those of an earlier session that do not fit are removed."""
        assert job.state
        try:
            return StateFolder(job.state, identity(job))
        except (ConfigError, IntegrityError) as error:
            self._progress.noted(f"trial {trial} begins anew: {error}")
            shutil.rmtree(job.state)
            return StateFolder(job.state, identity(job))

    def _train(self, running: _Running) -> None:
        progress = _TrialProgress(running.trial, self._progress)
        self._running[self._workers.start(running.job, running.run, progress)] = running

    def _end(self, worker: Worker) -> None:
        running = self._running.pop(worker)
        if worker.error is None:
            self._study.finish(running.trial, running.job.folder)
            running.opened.__exit__(None, None, None)
        elif worker.passing and self._restarts(running.trial, worker.error):
            self._train(running)
            return
        else:
            self._study.fail(running.trial, worker.error)
            failure = TrialFailed(worker.error)
            running.opened.__exit__(TrialFailed, failure, None)
        # Last: killed before, the trial goes on from there, which costs no epoch.
        running.kept.remove()
        self._tell(running.trial)

    def _restarts(self, trial: int, error: str) -> bool:
        restarts = self._study.restarted(trial)
        if restarts > self._max_restarts:
            return False
        self._progress.noted(f"trial {trial}: {error}; started again, {restarts} of {self._max_restarts}")
        return True

    def _tell(self, trial: int) -> None:
        self._progress.changed(self._study.trial(trial), self._study.trials())


class _TrialRun:
    """A trial's run in the tracker, with the searcher's answers."""

    def __init__(self, trial: int, run: Run, study: Study, tell: Callable[[int], None]) -> None:
        self.trial = trial
        self._run = run
        self._study = study
        self._tell = tell

    @property
    def id(self) -> str:
        return self._run.id

    def start(self, parameters: Mapping[str, Any]) -> None:
        self._run.start({**parameters, "trial": self.trial})

    def report(self, report: EpochReport) -> Decision:
        asked = self._run.report(report)
        searched = self._study.report(self.trial, report.epoch, report.validation[METRIC])
        self._tell(self.trial)
        return Decision.STOP if Decision.STOP in (asked, searched) else Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        self._run.finish(bundle)


class _TrialProgress:
    """A trial's steps, for the search's progress."""

    def __init__(self, trial: int, progress: Progress) -> None:
        self._trial = trial
        self._progress = progress

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        self._progress.stepped(self._trial, epoch - 1 + step / steps)

    def reported(self, report: EpochReport) -> None:
        pass

    def noted(self, text: str) -> None:
        self._progress.noted(f"trial {self._trial}: {text}")
