"""Report of a demo: its steps, its predictions and where they come from."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fmnist.files.atomic import write_atomically
from fmnist.report.lineage import Lineage

_CALIBRATION_STEPS = 20_000_000


@dataclass(frozen=True)
class DemoStep:
    """A finished step of the demo."""

    name: str
    seconds: float
    outcome: str


@dataclass(frozen=True)
class DemoPrediction:
    """Prediction for one test image.

    Attributes:
        truth: the image's label.
        said: the predicted class.
        probability: of the predicted class, 0-1.
    """

    truth: str
    said: str
    probability: float


@dataclass(frozen=True)
class DemoReport:
    """Content of ``reports/demo.json``.

    Attributes:
        dataset: origin of the images.
        accuracy: of the gateway's predictions on the whole test data, 0-1.
        seconds: duration of the demo.
        model_version: the version that serves: the trained one, or the previous champion if the gate
            refused it.
        lineage: of ``model_version``.
        steps: in order.
        answers: predictions for the first test images.
        cores: of this machine.
        calibration_seconds: of a Python loop of 20 million steps on this machine, to compare machines.
        url: of the served model.
    """

    dataset: str
    accuracy: float
    seconds: float
    model_version: int
    lineage: Lineage
    steps: tuple[DemoStep, ...]
    answers: tuple[DemoPrediction, ...]
    cores: int
    calibration_seconds: float
    url: str

    def document(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        return asdict(self)


def write_report(report: DemoReport, path: Path) -> None:
    """Write the report as JSON."""
    write_atomically(path, json.dumps(report.document(), indent=2) + "\n")


def time_calibration_loop() -> float:
    """Seconds that a plain Python loop takes, to compare machines."""
    start = time.perf_counter()
    for _ in range(_CALIBRATION_STEPS):
        pass
    return time.perf_counter() - start
