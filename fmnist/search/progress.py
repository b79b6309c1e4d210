"""Telling a person how a search goes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from fmnist.search.asha import Plan
from fmnist.search.resources import Shares
from fmnist.search.trial import Trial, TrialState


class Progress(Protocol):
    """What a search tells while it runs."""

    def began(self, plan: Plan, shares: Shares) -> None:
        """The first trials are about to start."""
        ...

    def stepped(self, trial: int, epochs: float) -> None:
        """A trial has come this far in its training: 1.5 is half of the second epoch."""
        ...

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        """``trial`` started, reported an epoch or ended; ``trials`` are all of them."""
        ...

    def noted(self, text: str) -> None:
        """Something that a person should know, such as that a trial goes on after a kill."""
        ...


class Silent:
    """Tells nothing."""

    def began(self, plan: Plan, shares: Shares) -> None:
        pass

    def stepped(self, trial: int, epochs: float) -> None:
        pass

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        pass

    def noted(self, text: str) -> None:
        pass


class Lines:
    """A line per event."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def began(self, plan: Plan, shares: Shares) -> None:
        print(outlook(plan, shares), file=self._stream, flush=True)

    def stepped(self, trial: int, epochs: float) -> None:
        pass

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        ended = sum(other.state is not TrialState.RUNNING for other in trials)
        print(f"{_line(trial)} ({ended} ended)", file=self._stream, flush=True)

    def noted(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


@contextmanager
def shown() -> Iterator[Progress]:
    """Progress on stderr: a live ranking on a terminal, else lines."""
    if not sys.stderr.isatty():
        yield Lines(sys.stderr)
        return
    from fmnist.search.ranking import live

    with live() as progress:
        yield progress


def outlook(plan: Plan, shares: Shares) -> str:
    """What is going to be done, in a line."""
    lengths = ", ".join(f"{trials} x {epochs}" for epochs, trials in plan.preview().items())
    threads = f"{shares.threads} thread{'s' if shares.threads > 1 else ''}"
    return f"{plan.trials} trials (about {lengths} epochs), {shares.jobs} at once with {threads} each"


def _line(trial: Trial) -> str:
    accuracy = "" if trial.metric is None else f", accuracy {trial.metric:.4f}"
    reason = f": {trial.error}" if trial.error else ""
    return f"trial {trial.id} {trial.state}, epoch {trial.epochs}/{trial.rungs[-1]}{accuracy}{reason}"
