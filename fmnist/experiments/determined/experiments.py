"""Experiments at a Determined master: create, wait, fetch the best bundle."""

import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from determined.common import context, v1file_utils
from determined.common.api import bindings

from fmnist.clients.determined import Session, errors_mapped, log_in
from fmnist.core.bundle import Bundle
from fmnist.core.progress import Say
from fmnist.errors import InputError, NotFoundError, TimedOut, TrainingFailed, UnavailableError
from fmnist.experiments.determined.download import holds_a_bundle, opened
from fmnist.experiments.submission import Submission
from fmnist.files.yaml_files import yaml_text
from fmnist.settings import DeterminedLogin

_LABEL = "key:"
_POLL_SECONDS = 5.0
_SENDING_SECONDS = 300.0
"""A busy master needs half a minute for a megabyte of code."""
_State = bindings.experimentv1State
_FAILED = {_State.CANCELED, _State.ERROR, _State.DELETED, _State.DELETING, _State.DELETE_FAILED}


@dataclass(frozen=True)
class Created:
    """An experiment that was submitted.

    Attributes:
        files: number of files of code that were sent.
        bytes: their size.
        is_new: False if an experiment of the same key existed already.
    """

    id: int
    url: str
    files: int
    bytes: int
    is_new: bool


@dataclass(frozen=True)
class ExperimentOutcome:
    """Result of a completed experiment.

    Attributes:
        trials: number of trials that ran; fewer than ``wanted`` if a search ended early.
        metric: searcher metric (validation accuracy, 0-1) of the best checkpoint.
        checkpoint: id of the best checkpoint.
    """

    id: int
    name: str
    trials: int
    wanted: int
    metric: float
    checkpoint: str


class DeterminedExperiments:
    """Experiments by number. The first use logs in at the master, which is polled each ``poll_seconds``."""

    def __init__(self, login: DeterminedLogin, poll_seconds: float = _POLL_SECONDS) -> None:
        self._login = login
        self._poll_seconds = poll_seconds

    @cached_property
    def _session(self) -> Session:
        return log_in(self._login)

    def validate(self, submission: Submission) -> None:
        """Let the master check a configuration without creating anything.

        Raises:
            InputError: the master rejects it; the message is the master's.
        """
        request = {"config": yaml_text(submission.document), "validateOnly": True, "modelDefinition": []}
        with errors_mapped(self._session.master):
            # bindings.post_CreateExperiment cannot decode the reply to validateOnly (determined 0.38.1).
            self._session.post("/api/v1/experiments", json=request)

    def create(self, submission: Submission, *, once: bool) -> Created:
        """Start one; with ``once``, only if none of the same key is running or completed.

        Raises:
            InputError: the master rejects the configuration, or the folder is too large to send.
        """
        existing = self._of_key(submission.key) if once else []
        if existing:
            return self._created(existing[0], [], is_new=False)
        files = _files(submission.folder)
        labels = [*(submission.document.get("labels") or ()), f"{_LABEL}{submission.key}"]
        config = yaml_text({**submission.document, "labels": labels})
        request = bindings.v1CreateExperimentRequest(activate=True, config=config, modelDefinition=files)
        sending = copy(self._session)
        sending.seconds = _SENDING_SECONDS
        with errors_mapped(sending.master):
            made = bindings.post_CreateExperiment(sending, body=request).experiment
        # Of two concurrent submissions, the later one is withdrawn.
        first = min(self._of_key(submission.key), key=lambda other: other.id, default=made) if once else made
        if first.id < made.id:
            with errors_mapped(self._session.master):
                bindings.post_KillExperiment(self._session, id=made.id)
            return self._created(first, [], is_new=False)
        return self._created(made, files, is_new=True)

    def wait(self, number: int, seconds: float, say: Say) -> ExperimentOutcome:
        """Wait for the end of an experiment, also while the master is temporarily unavailable.

        Raises:
            NotFoundError: there is no such experiment.
            UnavailableError: the master could not be reached from the start.
            TrainingFailed: it was cancelled or failed, or left no checkpoint.
            TimedOut: it has not ended after ``seconds``.
        """
        deadline = time.monotonic() + seconds
        # Outside of the loop, which takes a master that does not answer for one that restarts.
        _ = self._session
        last = ""
        while True:
            found, text = self._look(number, deadline)
            if text != last:
                say(f"Experiment {number}: {text}")
                last = text
            if found and found.state is _State.COMPLETED:
                return self._outcome(found)
            if found and found.state in _FAILED:
                raise TrainingFailed(
                    f"experiment {number} ended as {found.state.value.removeprefix('STATE_').lower()}; "
                    f"see its trials' logs: det experiment logs {number}, or {self._page(number)}"
                )
            if time.monotonic() >= deadline:
                raise TimedOut(f"experiment {number}: not over after {seconds:.0f} s, but {text}")
            time.sleep(min(self._poll_seconds, max(0.0, deadline - time.monotonic())))

    @contextmanager
    def best(self, number: int) -> Iterator[Bundle]:
        """The verified bundle of the best trial, in a folder that exists within the block.

        Raises:
            NotFoundError: there is no such experiment, or it has no checkpoint with a metric.
            InputError: the checkpoint holds no bundle.
        """
        with opened(self._session, self._best(number)) as bundle:
            yield bundle

    @contextmanager
    def bundle(self, checkpoint: str) -> Iterator[Bundle]:
        """The verified bundle of a checkpoint, likewise."""
        with errors_mapped(self._session.master):
            found = bindings.get_GetCheckpoint(self._session, checkpointUuid=checkpoint).checkpoint
        with opened(self._session, found) as bundle:
            yield bundle

    def _look(self, number: int, deadline: float) -> tuple[bindings.v1Experiment | None, str]:
        """The experiment and its status in words; None while the master is unavailable."""
        try:
            with errors_mapped(self._session.master):
                found = bindings.get_GetExperiment(self._session, experimentId=number).experiment
        except (UnavailableError, TimedOut) as error:
            if time.monotonic() >= deadline:
                raise
            return None, f"the master is unavailable ({error})"
        state = found.state.value.removeprefix("STATE_").lower()
        return found, f"{state}, {found.progress or 0:.0%}, {found.numTrials} trials"

    def _outcome(self, found: bindings.v1Experiment) -> ExperimentOutcome:
        try:
            best = self._best(found.id)
        except NotFoundError as error:
            raise TrainingFailed(
                f"{error}, though it completed; see det experiment logs {found.id}"
            ) from error
        searcher: dict[str, Any] = found.config.get("searcher") or {}
        return ExperimentOutcome(
            id=found.id,
            name=found.name,
            trials=found.numTrials,
            wanted=int(searcher.get("max_trials") or 1),
            metric=float(best.training.searcherMetric or 0),
            checkpoint=best.uuid,
        )

    def _best(self, number: int) -> bindings.v1Checkpoint:
        """The best of the checkpoints that hold a bundle: the last one of each trial, as in a search here."""
        with errors_mapped(self._session.master):
            found = bindings.get_GetExperimentCheckpoints(
                self._session,
                id=number,
                sortByAttr=bindings.checkpointv1SortBy.SEARCHER_METRIC,
                states=[bindings.checkpointv1State.COMPLETED],
            ).checkpoints
        judged = [entry for entry in found if entry.training.searcherMetric is not None]
        if not judged:
            raise NotFoundError(f"experiment {number} has no checkpoint with a metric")
        return next((entry for entry in judged if holds_a_bundle(entry)), judged[0])

    def _of_key(self, key: str) -> list[bindings.v1Experiment]:
        """Experiments of the same data, code and configuration that did not fail, oldest first."""
        with errors_mapped(self._session.master):
            found = bindings.get_GetExperiments(
                self._session, labels=[f"{_LABEL}{key}"], sortBy=bindings.v1GetExperimentsRequestSortBy.ID
            ).experiments
        alive = [entry for entry in found if entry.state not in _FAILED | {_State.STOPPING_CANCELED}]
        return sorted(alive, key=lambda entry: entry.id)

    def _created(
        self, experiment: bindings.v1Experiment, files: list[bindings.v1File], *, is_new: bool
    ) -> Created:
        size = sum(v1file_utils.v1File_size(file) for file in files)
        return Created(experiment.id, self._page(experiment.id), len(files), size, is_new)

    def _page(self, number: int) -> str:
        return f"{self._session.master}/det/experiments/{number}/overview"


def _files(folder: Path) -> list[bindings.v1File]:
    """The files that .detignore does not exclude; Determined's progress goes to stderr, not to our stdout."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return list(context.read_v1_context(folder))
    except ValueError as error:
        raise InputError(f"{folder}: cannot be sent: {error}") from error
