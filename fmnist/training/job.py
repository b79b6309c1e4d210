"""What one training needs to know; the same for a single training and for a trial of a search."""

from dataclasses import dataclass
from pathlib import Path

from fmnist.core.provenance import DataReference
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.training.workers import ALONE, Team


@dataclass(frozen=True)
class TrainingJob:
    """``folder`` is where the checkpoint bundle is to appear, whole, at the end.

    ``threads`` is TensorFlow's intra-op thread count: results are bit-identical for equal jobs on
    one machine. ``parent`` is a bundle's folder to go on from: its weights are the first weights,
    the optimizer and the learning-rate schedule start anew, epochs count on.
    ``state`` is the folder of its own where each epoch's end is kept, so that the same job goes on
    from there; None keeps nothing. Whoever chose it removes it when the bundle is taken care of.
    ``team`` are the processes that share each batch.
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
    team: Team = ALONE
