"""The run that nobody keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.tracking.base import Decision, EpochReport


@dataclass(frozen=True)
class Untracked:
    """The ``Run`` port, where another process reports or nothing is to be reported; it never stops."""

    id: str

    def start(self, parameters: Mapping[str, Any]) -> None:
        pass

    def report(self, report: EpochReport) -> Decision:
        return Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        pass
