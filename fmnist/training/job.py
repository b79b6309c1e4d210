"""Everything one training needs to know; the same for a single training and for a trial of a search."""

from dataclasses import dataclass
from pathlib import Path

from fmnist.core.provenance import DataReference
from fmnist.experiments.hyperparameters import Hyperparameters


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
