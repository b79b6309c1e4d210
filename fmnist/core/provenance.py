"""Provenance of a checkpoint: the data commit, the code and the run that it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class DataReference:
    """The data commit that a model saw: repo, commit id, origin, SHA-256 by file name."""

    repo: str
    commit: str
    origin: str
    sha256: Mapping[str, str]


@dataclass(frozen=True)
class Provenance:
    """Where a checkpoint comes from.

        >>> from pathlib import Path
        >>> from fmnist import open_bundle
        >>> provenance = open_bundle(Path("checkpoint")).metadata.provenance
        >>> provenance.train_data.repo
        'fmnist-train-raw'

    ``run`` is the tracker's id of the training, ``parent_run`` the one whose checkpoint it went on
    from; ``git_commit`` is ``unknown`` outside a git checkout and ends in ``-dirty`` when the
    working tree differed from it.
    """

    experiment: str
    run: str
    parent_run: str | None
    git_commit: str
    train_data: DataReference
    seed: int
    threads: int
    onednn: bool
    created: str
