"""The ``Run`` port on Determined's Core API, in a trial of the master's and in one of our own."""

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from determined.common.api import bindings
from determined.core._context import Context

from fmnist.clients.determined import errors_mapped
from fmnist.core.bundle import open_bundle
from fmnist.errors import TimedOut
from fmnist.experiments import TIME_METRIC, nested
from fmnist.experiments.determined.checkpoint import FOLDER, STATE, checkpoint_metadata
from fmnist.tracking.base import Decision, EpochReport
from fmnist.tracking.tensorboard import EventFile

_STORED_SECONDS = 60.0
_POLL_SECONDS = 0.05
_State = bindings.trialv1State

Record = Callable[[dict[str, Any]], object]
"""Keeps a training's parameters with its trial."""


class DeterminedRun:
    """A ``Run`` in a trial. Checkpoints have the steps of their validations: so the master pairs them."""

    def __init__(self, context: Context, state: Path | None, record: Record, *, restored: int = 0) -> None:
        """Attach to the trial of ``context``.

        Args:
            context: of Determined's Core API.
            state: folder where the training stores the end of each epoch; every epoch then leaves a
                checkpoint from which a new container resumes. The last one also holds the bundle.
            record: keeps the nested parameters.
            restored: epoch after which the training resumes, 0 at its beginning.
        """
        assert context.info
        assert context._session
        self._context = context
        self._session = context._session
        self._trial = context.info.trial.trial_id
        self._state = state
        self._record = record
        self._restored = restored
        self._reported = 0
        self._last: EpochReport | None = None
        self._events: EventFile | None = None

    @property
    def id(self) -> str:
        return str(self._trial)

    def start(self, parameters: Mapping[str, Any]) -> None:
        given = {name: value for name, value in parameters.items() if value is not None}
        with self._errors():
            # The master takes no dots in names.
            self._record(nested(given))
            self._reported = self._stored_steps()
        self._events = EventFile(self._context.train.get_tensorboard_path())

    def report(self, report: EpochReport) -> Decision:
        self._last = report
        if report.steps > self._reported:
            self._tell(report)
        if report.epoch <= self._restored:
            return Decision.CONTINUE
        decision = self._decision(report)
        if decision is Decision.CONTINUE and report.epoch < report.epochs and self._state:
            self._keep_state(report)
        return decision

    def finish(self, bundle: Path) -> None:
        """Store the last checkpoint: for the next stages and, if paused, for resuming."""
        assert self._last
        metadata = checkpoint_metadata(open_bundle(bundle), self._last.steps)
        with self._errors(), self._context.checkpoint.store_path(metadata) as (folder, _):
            shutil.copytree(bundle, folder / FOLDER)
            self._copy_state(folder)
        with self._errors():
            self._report_progress(self._last)

    def _tell(self, report: EpochReport) -> None:
        with self._errors():
            train = self._context.train
            train.report_metrics("training", report.steps, dict(report.training))
            figures = {**report.validation, TIME_METRIC: report.epoch}
            train.report_metrics("validation", report.steps, figures)
            self._report_progress(report)
            assert self._events
            self._events.add(report.epoch, report.scalars(), report.pictures)
            train.upload_tensorboard_files()

    def _decision(self, report: EpochReport) -> Decision:
        with self._errors():
            state = self._state_after(report.steps)
            preempted = self._context.preempt.should_preempt()
        # At the last epoch the searcher always says stop.
        stopped = state is _State.STOPPING_COMPLETED and report.epoch < report.epochs
        return Decision.STOP if preempted or stopped else Decision.CONTINUE

    def _state_after(self, steps: int) -> _State:
        """The trial's state once the master has stored the validation after ``steps`` steps.

        ``should_preempt`` does not report a searcher's stop (determined 0.38.1), and a thread sends the
        reports; but the master decides before it stores, so the state is final then.

        Raises:
            TimedOut: the master does not store it.
        """
        deadline = time.monotonic() + _STORED_SECONDS
        while True:
            trial = bindings.get_GetTrial(self._session, trialId=self._trial).trial
            stored = trial.latestValidation
            if trial.state is _State.STOPPING_COMPLETED or (stored and stored.totalBatches >= steps):
                return trial.state
            # Raises the thread's error, if any.
            self._context._metrics._maybe_raise_exception()
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"trial {self._trial}: the master has not stored the validation after step {steps} "
                    f"within {_STORED_SECONDS:.0f} s"
                )
            time.sleep(_POLL_SECONDS)

    def _stored_steps(self) -> int:
        stored = bindings.get_GetTrial(self._session, trialId=self._trial).trial.latestValidation
        return stored.totalBatches if stored else 0

    def _keep_state(self, report: EpochReport) -> None:
        metadata = {
            "steps_completed": report.steps,
            "epochs": report.epoch,
            "accuracy": report.validation.get("accuracy"),
        }
        with self._errors(), self._context.checkpoint.store_path(metadata) as (folder, _):
            self._copy_state(folder)

    def _copy_state(self, folder: Path) -> None:
        """Copy the newest state and its owner's record."""
        if self._state is None:
            return
        (folder / STATE).mkdir()
        newest = sorted(self._state.glob("*.state"))[-1:]
        for file in (*newest, *self._state.glob("*.json")):
            shutil.copyfile(file, folder / STATE / file.name)

    def _report_progress(self, report: EpochReport) -> None:
        self._context.train.report_progress(min(1.0, report.epoch / report.epochs))

    def _errors(self) -> Any:
        return errors_mapped(self._session.master)
