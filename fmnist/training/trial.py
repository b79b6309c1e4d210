"""Description of a trial that a cluster started."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fmnist.tracking.base import Run
from fmnist.training.job import SINGLE_WORKER, WorkerGroup


@dataclass(frozen=True)
class ClusterTrial:
    """One training of an experiment on a cluster.

    Attributes:
        experiment: its name.
        hyperparameters: nested as in the experiment file.
        data: section ``data`` of the experiment file.
        seed: of this trial.
        began: when the experiment started.
        state: folder for the training's states; holds those of an earlier process of this trial.
        threads: thread count of that earlier process, None if there was none.
        run: reports to the cluster.
        group: the processes of this trial.
        local_size: how many of them run on this machine, this one included.
    """

    experiment: str
    hyperparameters: Mapping[str, Any]
    data: Mapping[str, Any]
    seed: int
    began: datetime
    state: Path
    threads: int | None
    run: Run
    group: WorkerGroup = SINGLE_WORKER
    local_size: int = 1

    def code(self, folder: Path) -> str:
        """The git commit that the experiment was submitted from, or a digest of the code in ``folder``."""
        return self.data.get("git_commit") or f"unknown, sha256:{_code_digest(folder)}"


def _code_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\n{path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
