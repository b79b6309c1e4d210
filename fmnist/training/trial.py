"""What a cluster tells a training that it started."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fmnist.tracking.base import Run
from fmnist.training.workers import ALONE, Team


@dataclass(frozen=True)
class Trial:
    """One training of an experiment.

    ``data`` is the experiment file's section; ``began`` is when the experiment did. ``state`` is the
    folder for what the training keeps, which holds what an earlier process of this trial left;
    ``threads`` are that process's, None if there was none. ``team`` are its processes, of which
    ``neighbours`` are on this machine, this one included.
    """

    experiment: str
    hyperparameters: Mapping[str, Any]
    data: Mapping[str, Any]
    seed: int
    began: datetime
    state: Path
    threads: int | None
    run: Run
    team: Team = ALONE
    neighbours: int = 1

    def code(self, folder: Path) -> str:
        """The git commit that the experiment was submitted from; else a sum of the code in ``folder``."""
        return self.data.get("git_commit") or f"unknown, sha256:{_sum_of_code(folder)}"


def _sum_of_code(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\n{path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
