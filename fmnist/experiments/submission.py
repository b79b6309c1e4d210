"""Making an experiment file exact before it goes to a cluster: data commits and code."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.core.fashion_mnist import TEST, TRAIN
from fmnist.data.base import Commit, DataStore
from fmnist.errors import ConfigError
from fmnist.experiments import load_experiment, read_configuration
from fmnist.experiments.data_section import DataSelector, selected_commit
from fmnist.files.git import code_version
from fmnist.settings.types import DataEngine

_SHOWN = 5


@dataclass(frozen=True)
class Submission:
    """An experiment file as it is sent to a cluster.

    Attributes:
        document: the configuration, with commit ids.
        folder: the code that the trials run.
        train: the commit that they train on.
        key: equal for equal data, code and configuration.
    """

    name: str
    document: Mapping[str, Any]
    folder: Path
    train: Commit
    git_commit: str

    @property
    def key(self) -> str:
        text = json.dumps([self.document, self.git_commit], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def prepare(
    file: Path,
    overrides: Sequence[str],
    store: DataStore,
    folder: Path,
    *,
    engine: DataEngine = DataEngine.PACHYDERM,
    announced: DataSelector | None = None,
    allow_dirty: bool = False,
) -> Submission:
    """Validate ``file``, put commit ids in the place of branches, and stamp the git commit.

    Args:
        file: an experiment file.
        overrides: ``a.b=value`` each, as for ``det``'s --config.
        store: where the data commits are looked up.
        folder: the checkout whose code is to run.
        engine: of ``store``.
        announced: as of ``selected_commit``.
        allow_dirty: submit although files differ from the git commit, which then ends in ``-dirty``.

    Raises:
        ConfigError: the file is wrong, files are not committed, or its trials read from another engine.
        NotFoundError: a data repo, branch or commit does not exist.
    """
    experiment = load_experiment(file, overrides)
    code = code_version(folder, os.path.relpath(file.resolve(), folder.resolve()))
    changed, commit = code.changed, str(code)
    if code.commit and changed and not allow_dirty:
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise ConfigError(
            f"{folder}: {', '.join(changed[:_SHOWN])}{more} differ from git commit {code.commit[:12]}; "
            "commit them first, so that the model can be traced to its code, or say --allow-dirty"
        )
    if code.commit and changed and not code.dirty:
        commit = f"{commit}-dirty"
    document = read_configuration(file, overrides)
    data = document.get("data") or {}
    pachyderm = (document.get("integrations") or {}).get("pachyderm")
    if pachyderm and engine is not DataEngine.PACHYDERM:
        raise ConfigError(
            f"{file}: integrations.pachyderm: its trials read from Pachyderm, but the commits here are "
            f"{engine.value.upper()}'s of this machine; set PACHD_ADDRESS to the address of that server"
        )
    found = {split.name: selected_commit(store, data, split, announced) for split in (TRAIN, TEST)}
    document["data"] = {
        **data,
        **{name: {"repo": one.repo, "commit": one.id} for name, one in found.items()},
        "git_commit": commit,
    }
    if pachyderm:
        pachyderm["dataset"] |= {"repo": found["train"].repo, "commit": found["train"].id}
    return Submission(experiment.name, document, folder, found["train"], commit)
