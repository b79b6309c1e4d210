"""A ``Run`` that remembers what it was told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fmnist.tracking.base import Decision, EpochReport


class RecordingRun:
    """Says stop after ``stop_after`` epochs, or never."""

    def __init__(self, stop_after: int | None = None) -> None:
        self._stop_after = stop_after
        self.parameters: Mapping[str, Any] = {}
        self.reports: list[EpochReport] = []
        self.bundle: Path | None = None

    @property
    def id(self) -> str:
        return "recording"

    def start(self, parameters: Mapping[str, Any]) -> None:
        assert not self.reports
        self.parameters = parameters

    def report(self, report: EpochReport) -> Decision:
        self.reports.append(report)
        return Decision.STOP if len(self.reports) == self._stop_after else Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        self.bundle = bundle


def epoch_report(epoch: int, loss: float) -> EpochReport:
    """Of a training of two epochs, with a PNG that is little more than a header."""
    return EpochReport(
        epoch=epoch,
        epochs=2,
        steps=10 * epoch,
        training={"loss": loss, "images_per_second": 100.0},
        validation={"loss": loss / 2, "accuracy": 0.5},
        pictures={"confusion_matrix": b"\x89PNG\r\n\x1a\n0000IHDR" + bytes(8)},
    )
