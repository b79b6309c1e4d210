"""A ``Run`` that records nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.tracking.base import Decision, EpochReport


@dataclass(frozen=True)
class NullRun:
    """Null object for a process that reports nothing, or whose training another process reports."""

    id: str

    def start(self, parameters: Mapping[str, Any]) -> None:
        pass

    def report(self, report: EpochReport) -> Decision:
        return Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        pass
