"""Description of one training, alone or as a trial of a search, here or on a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fmnist.core.provenance import DataReference
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.tracking.base import Run


@dataclass(frozen=True)
class WorkerGroup:
    """Processes that train one model together.

    Attributes:
        addresses: HOST:PORT where each process listens, in order of rank; empty for a single process.
        rank: of this process, from 0.
    """

    addresses: tuple[str, ...] = ()
    rank: int = 0

    @property
    def size(self) -> int:
        """The number of processes, at least 1."""
        return max(1, len(self.addresses))


SINGLE_WORKER = WorkerGroup()


@dataclass(frozen=True)
class TrainingJob:
    """One training; equal jobs on one machine give bit-identical weights.

    Attributes:
        experiment: name of the experiment.
        hyperparameters: ``epochs`` includes those of ``parent``.
        train_data: the data commit.
        folder: where the checkpoint bundle appears at the end, whole or not at all.
        seed: of weights, order, augmentation and dropout.
        threads: TensorFlow's intra-op thread count, at least 1.
        git_commit: of the code, for the bundle's provenance.
        parent: folder of a bundle whose weights are the first weights; the optimizer and the
            learning-rate schedule start afresh, epochs count on.
        state: folder where the end of each epoch is kept, so that the same job resumes from there; None
            keeps nothing. Whoever chose it removes it once the bundle is safe.
        group: the processes that share each batch.
    """

    experiment: str
    hyperparameters: Hyperparameters
    train_data: DataReference
    folder: Path
    seed: int
    threads: int
    git_commit: str
    parent: Path | None = None
    state: Path | None = None
    group: WorkerGroup = SINGLE_WORKER


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
