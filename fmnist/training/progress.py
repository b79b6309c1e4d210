"""Progress of a training: on a terminal, as lines, and as learning curves in a CSV file."""

import csv
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from fmnist.files.atomic import write_atomically
from fmnist.tracking.base import EpochReport

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


class TrainingProgress(Protocol):
    """Callbacks of a training. ``epoch`` and ``step`` count from 1."""

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """A step of an epoch is done."""
        ...

    def reported(self, report: EpochReport) -> None:
        """An epoch is done and its metrics are recorded."""
        ...

    def noted(self, text: str) -> None:
        """Show a message to the user, such as that the training resumes after an epoch."""
        ...


class SilentTraining:
    """Shows nothing."""

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        pass

    def reported(self, report: EpochReport) -> None:
        pass

    def noted(self, text: str) -> None:
        pass


class TrainingLines:
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
    """A bar for the current epoch, below a line for each earlier one."""

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


class CurvesFile:
    """A ``TrainingProgress`` that writes a CSV file, one row per epoch, and forwards to another one."""

    def __init__(self, file: Path, progress: TrainingProgress) -> None:
        self._file = file
        self._progress = progress
        self._rows: list[dict[str, float]] = []

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        self._progress.stepped(epoch, epochs, step, steps)

    def reported(self, report: EpochReport) -> None:
        training = {f"training_{name}": value for name, value in report.training.items()}
        validation = {f"validation_{name}": value for name, value in report.validation.items()}
        self._rows.append({"epoch": report.epoch, **training, **validation})
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self._rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        write_atomically(self._file, text.getvalue())
        self._progress.reported(report)

    def noted(self, text: str) -> None:
        self._progress.noted(text)


@contextmanager
def shown() -> Iterator[TrainingProgress]:
    """Progress on stderr: a bar on a terminal, otherwise lines."""
    if not sys.stderr.isatty():
        lines = TrainingLines(sys.stderr)
        lines.noted("starting TensorFlow")
        yield lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # A separate file descriptor: in a trial the export to ONNX redirects the common one.
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
