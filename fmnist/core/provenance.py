"""Provenance of a checkpoint: the data commit, the code and the run that it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass

PROVENANCE_FIELDS = (
    "experiment",
    "run",
    "parent_run",
    "git_commit",
    "train_data_repo",
    "train_data_commit",
    "data_origin",
)
"""Names under which trackers, registries, checkpoints and predictions show a model's provenance."""


@dataclass(frozen=True)
class DataReference:
    """The data commit that a model saw: repo, commit id, origin, SHA-256 by file name."""

    repo: str
    commit: str
    origin: str
    sha256: Mapping[str, str]


@dataclass(frozen=True)
class Provenance:
    """Origin of a checkpoint.

        >>> from pathlib import Path
        >>> from fmnist import open_bundle
        >>> provenance = open_bundle(Path("checkpoint")).metadata.provenance
        >>> provenance.train_data.repo
        'fmnist-train-raw'

    Attributes:
        run: the tracker's id of the training.
        parent_run: the run whose checkpoint the training continued from, if any.
        git_commit: ``unknown`` outside a git checkout; ends in ``-dirty`` when the working tree differed.
        created: time at which the checkpoint was written, ISO 8601.
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

    def fields(self) -> dict[str, str]:
        """The same keys and values everywhere: a commit found in a prediction finds run and version.

        Versions registered before have ``data_commit`` (at Determined ``repo@id``) and ``dataset`` instead.
        """
        data = self.train_data
        values = (
            self.experiment,
            self.run,
            self.parent_run,
            self.git_commit,
            data.repo,
            data.commit,
            data.origin,
        )
        return {name: value for name, value in zip(PROVENANCE_FIELDS, values, strict=True) if value}
