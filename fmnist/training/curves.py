"""The learning curves of a training in a CSV file, for tools that read files."""

import csv
import io
from pathlib import Path

from fmnist.files.atomic import write_atomically
from fmnist.tracking.base import EpochReport
from fmnist.training.progress import Progress


class Curves:
    """A ``Progress`` that keeps ``file`` up to date, a row per epoch, and passes everything on."""

    def __init__(self, file: Path, progress: Progress) -> None:
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
