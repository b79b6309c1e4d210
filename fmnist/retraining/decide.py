"""Decide whether a data commit is worth a training."""

from dataclasses import dataclass

from fmnist.data.base import Commit
from fmnist.registry.base import ModelVersion


@dataclass(frozen=True)
class TrainingDecision:
    """Whether to train, and the reason for people."""

    train: bool
    reason: str


def decide(commit: Commit, champion: ModelVersion | None) -> TrainingDecision:
    """Train unless the champion was trained on the very files of the commit, under whatever id.

    Args:
        commit: training images, the newest.
        champion: the version that serves; None before the first promotion.
    """
    head = f"{commit.repo}@{commit.id}"
    if champion is None:
        return TrainingDecision(True, f"{head}: there is no champion yet")
    data = champion.metadata.provenance.train_data
    name = f"{champion.model} {champion.number}, the champion,"
    if dict(data.sha256) == {file.name: file.sha256 for file in commit.files}:
        return TrainingDecision(False, f"{name} was trained on what {head} holds")
    return TrainingDecision(True, f"{head} has changed since {name} was trained on {data.repo}@{data.commit}")
