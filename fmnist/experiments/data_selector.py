"""The ``data`` section of an experiment file, which selects the data commits of a trial on a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fmnist.core.fashion_mnist import Split
from fmnist.data.base import BRANCH, Commit, DataStore
from fmnist.errors import ConfigError, NotFoundError


@dataclass(frozen=True)
class DataSelector:
    """A data repo, and a commit's id, or its beginning, or a branch, which stands for its head."""

    repo: str
    commit: str


def selector_of(data: Mapping[str, Any], split: Split) -> DataSelector:
    """The selector in ``data.train`` or ``data.test``; the head of the split's default repo if absent.

    Raises:
        ConfigError: the section has another form.
    """
    section = data.get(split.name, {})
    if not isinstance(section, Mapping) or not all(isinstance(value, str) for value in section.values()):
        raise ConfigError(f"data.{split.name}: expected {{repo: {split.repo}, commit: {BRANCH} or an id}}")
    unknown = section.keys() - {"repo", "commit"}
    if unknown:
        raise ConfigError(
            f"data.{split.name}.{min(unknown)}: there is no such key; there are repo and commit"
        )
    return DataSelector(section.get("repo") or split.repo, section.get("commit") or BRANCH)


def head_at(store: DataStore, selector: DataSelector, time: datetime) -> Commit:
    """The selected commit; of a branch, the one that was its head at ``time``.

    So all trials of an experiment train on the same data, even if new commits arrive meanwhile.

    Raises:
        NotFoundError: there is no such commit; the message names those that exist.
    """
    found = store.get(selector.repo, selector.commit)
    if found.id.startswith(selector.commit) or found.created <= time:
        return found
    if selector.commit != BRANCH:
        raise NotFoundError(
            f"{selector.repo}@{selector.commit}: its head is newer than the experiment, begun at {time}; "
            f"name a commit id, or the branch {BRANCH}, whose history is known"
        )
    older = [commit for commit in store.log(selector.repo) if commit.created <= time]
    if not older:
        raise NotFoundError(
            f"{selector.repo}@{selector.commit}: was empty when the experiment began, at {time}; "
            "submit it again"
        )
    return older[0]
