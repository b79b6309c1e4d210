"""Trackers' runs that remember what they were told."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fmnist.tracking.base import Decision, EpochReport, Run, StudyLabel


class RememberedRun:
    def __init__(self, name: str) -> None:
        self.id = f"run-of-{name}"
        self.parameters: Mapping[str, Any] = {}
        self.epochs: list[int] = []
        self.bundle: Path | None = None
        self.error: str | None = None
        self.job: str | None = None

    def start(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = parameters

    def report(self, report: EpochReport) -> Decision:
        if report.epoch not in self.epochs:
            self.epochs.append(report.epoch)
        return Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        self.bundle = bundle


class Tracker:
    def __init__(self) -> None:
        self.runs: dict[str, RememberedRun] = {}
        self.studies: set[str] = set()

    @contextmanager
    def open(self, name: str, job: str, study: StudyLabel) -> Iterator[Run]:
        self.studies.add(study.id)
        run = self.runs.setdefault(name, RememberedRun(name))
        run.job = job
        try:
            yield run
        except BaseException as error:
            run.error = str(error) or type(error).__name__
            if isinstance(error, KeyboardInterrupt):
                raise
