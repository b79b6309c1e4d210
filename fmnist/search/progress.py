"""Callbacks of a search, and their output as lines."""

from typing import Protocol, TextIO

from fmnist.search.asha import Plan
from fmnist.search.resources import Shares
from fmnist.search.trial import Trial, TrialState


class SearchProgress(Protocol):
    """Callbacks of a search."""

    def began(self, plan: Plan, shares: Shares) -> None:
        """The first trials are about to start."""
        ...

    def stepped(self, trial: int, epochs: float) -> None:
        """A trial has trained for so many epochs: 1.5 is half of the second epoch."""
        ...

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        """``trial`` started, reported an epoch or ended; ``trials`` are all of them."""
        ...

    def noted(self, text: str) -> None:
        """Show a message to the user, such as that a trial resumes."""
        ...


class SilentSearch:
    """Shows nothing."""

    def began(self, plan: Plan, shares: Shares) -> None:
        pass

    def stepped(self, trial: int, epochs: float) -> None:
        pass

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        pass

    def noted(self, text: str) -> None:
        pass


class SearchLines:
    """A line per event."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def began(self, plan: Plan, shares: Shares) -> None:
        print(format_plan(plan, shares), file=self._stream, flush=True)

    def stepped(self, trial: int, epochs: float) -> None:
        pass

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        ended = sum(other.state is not TrialState.RUNNING for other in trials)
        print(f"{_line(trial)} ({ended} ended)", file=self._stream, flush=True)

    def noted(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def format_plan(plan: Plan, shares: Shares) -> str:
    """The plan of a search in one line."""
    lengths = ", ".join(f"{trials} x {epochs}" for epochs, trials in plan.preview().items())
    threads = f"{shares.threads} thread{'s' if shares.threads > 1 else ''}"
    return f"{plan.trials} trials (about {lengths} epochs), {shares.jobs} at once with {threads} each"


def _line(trial: Trial) -> str:
    accuracy = "" if trial.metric is None else f", accuracy {trial.metric:.4f}"
    reason = f": {trial.error}" if trial.error else ""
    return f"trial {trial.id} {trial.state}, epoch {trial.epochs}/{trial.rungs[-1]}{accuracy}{reason}"
