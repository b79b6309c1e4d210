"""Telling a person how a search goes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from fmnist.search.asha import Plan
from fmnist.search.base import Trial, TrialState, ranked
from fmnist.search.resources import Shares

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table


class Progress(Protocol):
    """What a search tells while it runs."""

    def began(self, plan: Plan, shares: Shares) -> None:
        """The first trials are about to start."""
        ...

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        """``trial`` started, reported an epoch or ended; ``trials`` are all of them."""
        ...


class Silent:
    """Tells nothing."""

    def began(self, plan: Plan, shares: Shares) -> None:
        pass

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        pass


class Lines:
    """A line per event."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def began(self, plan: Plan, shares: Shares) -> None:
        print(outlook(plan, shares), file=self._stream, flush=True)

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        ended = sum(other.state is not TrialState.RUNNING for other in trials)
        print(f"{_line(trial)} ({ended} ended)", file=self._stream, flush=True)


class _Ranking:
    """The trials, best first, redrawn in place."""

    def __init__(self, live: "Live") -> None:
        self._live = live
        self._title = ""

    def began(self, plan: Plan, shares: Shares) -> None:
        self._title = outlook(plan, shares)

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        self._live.update(ranking(trials, self._title))


@contextmanager
def shown() -> Iterator[Progress]:
    """Progress on stderr: a live ranking on a terminal, else lines."""
    if not sys.stderr.isatty():
        yield Lines(sys.stderr)
        return
    from rich.console import Console
    from rich.live import Live

    with Live("starting TensorFlow", console=Console(stderr=True), transient=True) as live:
        yield _Ranking(live)


def ranking(trials: tuple[Trial, ...], title: str) -> "Table":
    """The trials, best first, with the rungs that each has passed."""
    from rich.table import Table

    columns = ("trial", "state", "accuracy", "epochs", "rungs", "hyperparameters")
    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    varied = _varied(trials)
    for trial in ranked(trials):
        table.add_row(
            str(trial.id),
            trial.state,
            "" if trial.metric is None else f"{trial.metric:.4f}",
            f"{trial.epochs}/{trial.rungs[-1]}",
            _rungs(trial),
            trial.error or " ".join(f"{name}={_short(trial.hyperparameters[name])}" for name in varied),
        )
    return table


def outlook(plan: Plan, shares: Shares) -> str:
    """What is going to be done, in a line."""
    lengths = ", ".join(f"{trials} x {epochs}" for epochs, trials in plan.preview().items())
    threads = f"{shares.threads} thread{'s' if shares.threads > 1 else ''}"
    return f"{plan.trials} trials (about {lengths} epochs), {shares.jobs} at once with {threads} each"


def _line(trial: Trial) -> str:
    accuracy = "" if trial.metric is None else f", accuracy {trial.metric:.4f}"
    reason = f": {trial.error}" if trial.error else ""
    return f"trial {trial.id} {trial.state}, epoch {trial.epochs}/{trial.rungs[-1]}{accuracy}{reason}"


def _rungs(trial: Trial) -> str:
    """Each rung's epoch, with a tick where the trial passed, a cross where it was stopped."""
    stopped = trial.state is TrialState.STOPPED
    marks = []
    for epochs in trial.rungs:
        reached = trial.epochs >= epochs
        mark = "✗" if stopped and epochs == trial.epochs else "✓" if reached else "·"
        marks.append(f"{epochs}{mark}")
    return " ".join(marks)


def _varied(trials: tuple[Trial, ...]) -> list[str]:
    names = trials[0].hyperparameters if trials else ()
    return [name for name in names if len({str(trial.hyperparameters[name]) for trial in trials}) > 1]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
