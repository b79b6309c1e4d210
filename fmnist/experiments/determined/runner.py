"""The ``Experiments`` port at a Determined master."""

import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any

from determined.common import context, v1file_utils
from determined.common.api import bindings

from fmnist.clients.determined.session import Session, errors_mapped, log_in
from fmnist.core.bundle import Bundle
from fmnist.core.progress import Say
from fmnist.errors import InputError, NotFoundError, TimedOut, TrainingFailed, UnavailableError
from fmnist.experiments.base import Created, Outcome
from fmnist.experiments.determined.download import holds_a_bundle, opened
from fmnist.experiments.submission import Submission
from fmnist.files.documents import yaml_text
from fmnist.settings import DeterminedLogin

_LABEL = "key:"
_POLL_SECONDS = 5.0
_SENDING_SECONDS = 300.0
"""A busy master needs half a minute for a megabyte of code."""
_State = bindings.experimentv1State
_FAILED = {_State.CANCELED, _State.ERROR, _State.DELETED, _State.DELETING, _State.DELETE_FAILED}


class DeterminedExperiments:
    """Nothing is asked at the master before first use. ``poll_seconds`` pass between two looks."""

    def __init__(self, login: DeterminedLogin, poll_seconds: float = _POLL_SECONDS) -> None:
        self._login = login
        self._poll_seconds = poll_seconds

    @cached_property
    def _session(self) -> Session:
        return log_in(self._login)

    def create(self, submission: Submission, *, once: bool) -> Created:
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
        # Of two who asked at the same moment, the later one steps back.
        first = min(self._of_key(submission.key), key=lambda other: other.id, default=made) if once else made
        if first.id < made.id:
            with errors_mapped(self._session.master):
                bindings.post_KillExperiment(self._session, id=made.id)
            return self._created(first, [], is_new=False)
        return self._created(made, files, is_new=True)

    def wait(self, number: int, seconds: float, say: Say) -> Outcome:
        deadline = time.monotonic() + seconds
        told = ""
        while True:
            found, text = self._look(number, deadline)
            if text != told:
                say(f"Experiment {number}: {text}")
                told = text
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
        with opened(self._session, self._best(number)) as bundle:
            yield bundle

    @contextmanager
    def bundle(self, checkpoint: str) -> Iterator[Bundle]:
        with errors_mapped(self._session.master):
            found = bindings.get_GetCheckpoint(self._session, checkpointUuid=checkpoint).checkpoint
        with opened(self._session, found) as bundle:
            yield bundle

    def _look(self, number: int, deadline: float) -> tuple[bindings.v1Experiment | None, str]:
        """The experiment and what to say of it; None while the master is away."""
        try:
            with errors_mapped(self._session.master):
                found = bindings.get_GetExperiment(self._session, experimentId=number).experiment
        except (UnavailableError, TimedOut) as error:
            if time.monotonic() >= deadline:
                raise
            return None, f"the master is away ({error})"
        state = found.state.value.removeprefix("STATE_").lower()
        return found, f"{state}, {found.progress or 0:.0%}, {found.numTrials} trials"

    def _outcome(self, found: bindings.v1Experiment) -> Outcome:
        try:
            best = self._best(found.id)
        except NotFoundError as error:
            raise TrainingFailed(
                f"{error}, though it completed; see det experiment logs {found.id}"
            ) from error
        searcher: dict[str, Any] = found.config.get("searcher") or {}
        return Outcome(
            id=found.id,
            name=found.name,
            trials=found.numTrials,
            wanted=int(searcher.get("max_trials") or 1),
            metric=float(best.training.searcherMetric or 0),
            checkpoint=best.uuid,
        )

    def _best(self, number: int) -> bindings.v1Checkpoint:
        """Of those that hold a bundle: each trial's last one, as for a search on this machine."""
        with errors_mapped(self._session.master):
            found = bindings.get_GetExperimentCheckpoints(
                self._session,
                id=number,
                sortByAttr=bindings.checkpointv1SortBy.SEARCHER_METRIC,
                states=[bindings.checkpointv1State.COMPLETED],
            ).checkpoints
        judged = [own for own in found if own.training.searcherMetric is not None]
        if not judged:
            raise NotFoundError(f"experiment {number} has no checkpoint with a metric")
        return next((own for own in judged if holds_a_bundle(own)), judged[0])

    def _of_key(self, key: str) -> list[bindings.v1Experiment]:
        """Experiments of the same data, code and configuration that did not fail, oldest first."""
        with errors_mapped(self._session.master):
            found = bindings.get_GetExperiments(
                self._session, labels=[f"{_LABEL}{key}"], sortBy=bindings.v1GetExperimentsRequestSortBy.ID
            ).experiments
        alive = [own for own in found if own.state not in _FAILED | {_State.STOPPING_CANCELED}]
        return sorted(alive, key=lambda own: own.id)

    def _created(self, own: bindings.v1Experiment, files: list[bindings.v1File], *, is_new: bool) -> Created:
        size = sum(v1file_utils.v1File_size(file) for file in files)
        return Created(own.id, self._page(own.id), len(files), size, is_new)

    def _page(self, number: int) -> str:
        return f"{self._session.master}/det/experiments/{number}/overview"


def _files(folder: Path) -> list[bindings.v1File]:
    """What .detignore lets through; Determined says on stdout how far it is, which is our result's."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return list(context.read_v1_context(folder))
    except ValueError as error:
        raise InputError(f"{folder}: cannot be sent: {error}") from error
