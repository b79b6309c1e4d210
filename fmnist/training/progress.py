"""Telling a person how a training goes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from fmnist.tracking.base import EpochReport

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


class Progress(Protocol):
    """What a training tells while it runs. ``epoch`` and ``step`` count from 1."""

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """A step of an epoch is done."""
        ...

    def reported(self, report: EpochReport) -> None:
        """An epoch is done and its figures are recorded."""
        ...

    def noted(self, text: str) -> None:
        """Something that a person should know, such as that the training goes on after an epoch."""
        ...


class Silent:
    """Tells nothing."""

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        pass

    def reported(self, report: EpochReport) -> None:
        pass

    def noted(self, text: str) -> None:
        pass


class Lines:
    """One line per epoch."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        pass

    def reported(self, report: EpochReport) -> None:
        self.noted(_line(report))

    def noted(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()


class _Bar:
    """A bar for the epoch, and above it a line for each one before."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._task = bars.add_task("starting TensorFlow", total=None)

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        self._bars.update(self._task, description=f"epoch {epoch}/{epochs}", completed=step, total=steps)

    def reported(self, report: EpochReport) -> None:
        self.noted(_line(report))
        if report.epoch == report.epochs:
            self._bars.update(self._task, description="writing the checkpoint", total=None)

    def noted(self, text: str) -> None:
        self._bars.console.print(text, highlight=False, markup=False)


@contextmanager
def shown() -> Iterator[Progress]:
    """Progress on stderr: a bar on a terminal, else lines."""
    if not sys.stderr.isatty():
        lines = Lines(sys.stderr)
        lines.noted("starting TensorFlow")
        yield lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # A handle of its own: the export to ONNX silences the common one.
    with (
        os.fdopen(os.dup(sys.stderr.fileno()), "w") as stream,
        Bars(*columns, console=Console(file=stream), transient=True) as bars,
    ):
        yield _Bar(bars)


def _line(report: EpochReport) -> str:
    held_out = report.validation
    validated = (
        f"validation loss {held_out['loss']:.4f}, accuracy {held_out['accuracy']:.4f}, " if held_out else ""
    )
    return (
        f"epoch {report.epoch}/{report.epochs}: loss {report.training['loss']:.4f}, {validated}"
        f"{report.training['images_per_second']:,.0f} images/s"
    )
