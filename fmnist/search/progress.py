"""Telling a person how a search goes."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TextIO

from fmnist.search.asha import Plan
from fmnist.search.base import Trial, TrialState, ranked
from fmnist.search.resources import Shares
from fmnist.training.experiment import flat

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table


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


class _Ranking:
    """The trials, best first, redrawn in place."""

    def __init__(self, live: "Live") -> None:
        self._live = live
        self._title = ""
        self._trials: tuple[Trial, ...] = ()
        self._epochs: dict[int, float] = {}

    def began(self, plan: Plan, shares: Shares) -> None:
        self._title = outlook(plan, shares)

    def stepped(self, trial: int, epochs: float) -> None:
        self._epochs[trial] = epochs
        self._draw()

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        self._trials = trials
        self._draw()

    def noted(self, text: str) -> None:
        self._live.console.print(text, highlight=False, markup=False)

    def _draw(self) -> None:
        self._live.update(ranking(self._trials, self._title, self._epochs))


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


def ranking(
    trials: tuple[Trial, ...], title: str, so_far: Mapping[int, float] = MappingProxyType({})
) -> "Table":
    """The trials, best first, with the rungs that each has passed.

    ``so_far``: how many epochs a trial has come, parts included, where that is known.
    """
    from rich.table import Table

    columns = ("trial", "state", "accuracy", "epochs", "rungs", "hyperparameters")
    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    varied = _varied(trials)
    for trial in ranked(trials):
        values = flat(trial.hyperparameters)
        table.add_row(
            str(trial.id),
            trial.state,
            "" if trial.metric is None else f"{trial.metric:.4f}",
            f"{_epochs(trial, so_far)}/{trial.rungs[-1]}",
            _rungs(trial),
            trial.error or " ".join(f"{name}={_short(values.get(name, ''))}" for name in varied),
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


def _epochs(trial: Trial, so_far: Mapping[int, float]) -> str:
    part = so_far.get(trial.id, 0)
    return f"{part:.1f}" if trial.state is TrialState.RUNNING and part > trial.epochs else str(trial.epochs)


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
    points = [flat(trial.hyperparameters) for trial in trials]
    names = dict.fromkeys(name for point in points for name in point)
    return [name for name in names if len({str(point.get(name)) for point in points}) > 1]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
