"""The port to a cluster that runs experiments."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from fmnist.core.bundle import Bundle
from fmnist.core.progress import Say
from fmnist.experiments.submission import Submission


@dataclass(frozen=True)
class Created:
    """``files`` and ``bytes`` count what was sent along; ``is_new`` is false if it was there already."""

    id: int
    url: str
    files: int
    bytes: int
    is_new: bool


@dataclass(frozen=True)
class Outcome:
    """How an experiment that completed did.

    ``metric`` is the best checkpoint's searcher metric (validation accuracy, 0-1), ``checkpoint``
    its id; ``trials`` ran of the ``wanted`` ones, fewer if a search ended early.
    """

    id: int
    name: str
    trials: int
    wanted: int
    metric: float
    checkpoint: str


class Experiments(Protocol):
    """Experiments at a cluster's master, by number."""

    def create(self, submission: Submission, *, once: bool) -> Created:
        """Start one; with ``once``, only if none of the same key runs or has completed.

        Raises:
            ConfigError: the master refuses the configuration, in whose words.
            InputError: the folder is too large to be sent.
        """
        ...

    def wait(self, number: int, seconds: float, say: Say) -> Outcome:
        """Wait for its end; a master that is away for a while is waited for, too.

        Raises:
            NotFoundError: there is no such experiment.
            TrainingFailed: it was cancelled or broke, or left no checkpoint.
            TimedOut: it is not over after ``seconds``.
        """
        ...

    def best(self, number: int) -> AbstractContextManager[Bundle]:
        """The bundle of its best trial, verified, in a folder that is gone after the block.

        Raises:
            NotFoundError: there is no such experiment, or it has no checkpoint with a metric.
            InputError: the checkpoint holds no bundle.
        """
        ...

    def bundle(self, checkpoint: str) -> AbstractContextManager[Bundle]:
        """The same of a checkpoint by its id."""
        ...
