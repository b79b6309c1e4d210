"""Making an experiment file exact before it goes to a cluster: data commits and code."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist.core.fashion_mnist import TEST, TRAIN, Split
from fmnist.data.base import Commit, DataStore
from fmnist.errors import ConfigError
from fmnist.experiments import load_experiment, read_configuration
from fmnist.experiments.data_selector import selector_of
from fmnist.files.git import code_version

_SHOWN = 5


@dataclass(frozen=True)
class Submission:
    """What a cluster gets: the configuration, and the folder whose code the trials run.

    ``train`` is the commit that they learn from; ``key`` is the same for equal data, code and
    configuration.
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
    file: Path, overrides: Sequence[str], store: DataStore, folder: Path, *, allow_dirty: bool = False
) -> Submission:
    """Validate ``file``, put commit ids in the place of branches, and stamp the git commit.

    Args:
        file: an experiment file.
        overrides: ``a.b=value`` each, as for ``det``'s --config.
        store: where the data commits are looked up.
        folder: the checkout whose code is to run.
        allow_dirty: submit although files differ from the git commit, which then ends in ``-dirty``.

    Raises:
        ConfigError: the file is wrong, or files are not committed; names them.
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
    found = {split.name: store.get(*_place(data, split)) for split in (TRAIN, TEST)}
    document["data"] = {
        **data,
        **{name: {"repo": one.repo, "commit": one.id} for name, one in found.items()},
        "git_commit": commit,
    }
    pachyderm = (document.get("integrations") or {}).get("pachyderm")
    if pachyderm:
        pachyderm["dataset"] |= {"repo": found["train"].repo, "commit": found["train"].id}
    return Submission(experiment.name, document, folder, found["train"], commit)


def _place(data: Mapping[str, Any], split: Split) -> tuple[str, str]:
    selector = selector_of(data, split)
    return selector.repo, selector.commit
