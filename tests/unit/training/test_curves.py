import csv
from pathlib import Path

from fmnist.tracking.base import EpochReport
from fmnist.training.progress import CurvesFile


class Told:
    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int, int]] = []
        self.reports: list[EpochReport] = []

    def stepped(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        self.steps.append((epoch, epochs, step, steps))

    def reported(self, report: EpochReport) -> None:
        self.reports.append(report)

    def noted(self, text: str) -> None:
        raise AssertionError(text)


def test_each_epoch_is_a_row_at_once_and_is_passed_on(tmp_path: Path) -> None:
    told = Told()
    curves = CurvesFile(tmp_path / "new/curves.csv", told)
    for epoch in (3, 4):
        curves.stepped(epoch, 4, 1, 9)
        report = EpochReport(epoch, 4, epoch * 9, {"loss": 1 / epoch}, {"accuracy": epoch / 10}, {})
        curves.reported(report)
        with (tmp_path / "new/curves.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        assert [row["epoch"] for row in rows] == [str(number) for number in range(3, epoch + 1)]
        assert float(rows[-1]["training_loss"]) == 1 / epoch
        assert float(rows[-1]["validation_accuracy"]) == epoch / 10
    assert told.steps == [(3, 4, 1, 9), (4, 4, 1, 9)]
    assert [report.epoch for report in told.reports] == [3, 4]
