"""Table of a search's trials, best first, and its live display on a terminal."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fmnist.experiments import flat
from fmnist.search.asha import Plan
from fmnist.search.progress import SearchLines, SearchProgress, format_plan
from fmnist.search.resources import Shares
from fmnist.search.trial import Trial, TrialState, ranked

_COLUMNS = ("trial", "state", "accuracy", "epochs", "rungs")
_GAP = 2
"""Characters between columns; the box draws one of them."""
_STYLES = {
    TrialState.RUNNING: "cyan",
    TrialState.COMPLETED: "bold",
    TrialState.STOPPED: "dim",
    TrialState.FAILED: "red",
}


def ranking(
    trials: Sequence[Trial],
    title: str,
    so_far: Mapping[int, float] = MappingProxyType({}),
    width: int = 120,
) -> Group:
    """A row per trial, with as many of the varying hyperparameters as fit in ``width`` characters.

    Args:
        trials: of one search.
        title: line above the table.
        so_far: epochs trained by trial id, fractions included, where known.
        width: of the terminal, in characters.
    """
    best_first = ranked(trials)
    rows = [_row(trial, so_far) for trial in best_first]
    columns = _columns_of(best_first)
    names = _fitting(columns, width - _width_of(rows))
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, _GAP - 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="bold",
    )
    for name in (*_COLUMNS, *names):
        table.add_column(_stacked(name), justify="right" if name in names else "left", no_wrap=True)
    for number, (trial, row) in enumerate(zip(best_first, rows, strict=True)):
        table.add_row(*row, *(columns[name][number] for name in names), style=_STYLES[trial.state])
    # The table's own title and caption would be as narrow as the table.
    below = _below(trials, [name for name in columns if name not in names])
    return Group(Text(title, style="italic"), table, *map(Text, below))


@contextmanager
def shown() -> Iterator[SearchProgress]:
    """Progress on stderr: on a terminal a ranking that is redrawn in place, otherwise lines."""
    if not sys.stderr.isatty():
        yield SearchLines(sys.stderr)
        return
    with Live("starting TensorFlow", console=Console(stderr=True), transient=True) as display:
        yield _Ranking(display)


class _Ranking:
    def __init__(self, display: Live) -> None:
        self._display = display
        self._title = ""
        self._trials: tuple[Trial, ...] = ()
        self._epochs: dict[int, float] = {}

    def began(self, plan: Plan, shares: Shares) -> None:
        self._title = format_plan(plan, shares)

    def stepped(self, trial: int, epochs: float) -> None:
        self._epochs[trial] = epochs
        self._draw()

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        self._trials = trials
        self._draw()

    def noted(self, text: str) -> None:
        self._display.console.print(text, highlight=False, markup=False)

    def _draw(self) -> None:
        width = self._display.console.width
        self._display.update(ranking(self._trials, self._title, self._epochs, width))


def _row(trial: Trial, so_far: Mapping[int, float]) -> tuple[str, ...]:
    accuracy = "" if trial.metric is None else f"{trial.metric:.4f}"
    return str(trial.id), trial.state, accuracy, f"{_epochs(trial, so_far)}/{trial.rungs[-1]}", _rungs(trial)


def _epochs(trial: Trial, so_far: Mapping[int, float]) -> str:
    part = so_far.get(trial.id, 0)
    return f"{part:.1f}" if trial.state is TrialState.RUNNING and part > trial.epochs else str(trial.epochs)


def _rungs(trial: Trial) -> str:
    """The epoch of each rung, with a tick where the trial passed, a cross where it was stopped."""
    stopped = trial.state is TrialState.STOPPED
    marks = []
    for epochs in trial.rungs:
        reached = trial.epochs >= epochs
        mark = "✗" if stopped and epochs == trial.epochs else "✓" if reached else "·"
        marks.append(f"{epochs}{mark}")
    return " ".join(marks)


def _columns_of(trials: Sequence[Trial]) -> dict[str, list[str]]:
    """The hyperparameters that vary, by dotted name, with a text for each trial."""
    points = [flat(trial.hyperparameters) for trial in trials]
    names = dict.fromkeys(name for point in points for name in point)
    columns = {name: [_short(point.get(name, "")) for point in points] for name in names}
    return {name: texts for name, texts in columns.items() if len(set(texts)) > 1}


def _fitting(columns: Mapping[str, Sequence[str]], room: int) -> list[str]:
    fitting = []
    for name, texts in columns.items():
        room -= max(map(len, (*_stacked(name).splitlines(), *texts))) + _GAP
        if room < 0:
            break
        fitting.append(name)
    return fitting


def _width_of(rows: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, texts)) + _GAP for texts in zip(_COLUMNS, *rows, strict=True))


def _below(trials: Sequence[Trial], left_out: Sequence[str]) -> list[str]:
    lines = [f"trial {trial.id}: {trial.error}" for trial in trials if trial.error]
    if left_out:
        lines.append(f"in a wider terminal: {', '.join(left_out)}")
    return lines


def _stacked(name: str) -> str:
    """Column header: the name without its group, one word per line."""
    return name.rpartition(".")[2].replace("_", "\n")


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
