"""The ``data`` section of an experiment file: which commits a trial on a cluster reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fmnist.core.fashion_mnist import Split
from fmnist.data.base import Commit, DataStore
from fmnist.errors import ConfigError, NotFoundError

BRANCH = "master"


@dataclass(frozen=True)
class Wanted:
    """``commit`` is a full commit id, or a branch, which stands for its head."""

    repo: str
    commit: str


def wanted(data: Mapping[str, Any], split: Split) -> Wanted:
    """What ``data.train`` or ``data.test`` asks for; the head of the split's own repo if it is absent.

    Raises:
        ConfigError: the section is of another form.
    """
    section = data.get(split.name, {})
    if not isinstance(section, Mapping) or not all(isinstance(value, str) for value in section.values()):
        raise ConfigError(f"data.{split.name}: expected {{repo: {split.repo}, commit: {BRANCH} or an id}}")
    unknown = section.keys() - {"repo", "commit"}
    if unknown:
        raise ConfigError(
            f"data.{split.name}.{min(unknown)}: there is no such key; there are repo and commit"
        )
    return Wanted(section.get("repo") or split.repo, section.get("commit") or BRANCH)


def head_at(store: DataStore, wish: Wanted, time: datetime) -> Commit:
    """The commit that ``wish`` names; of a branch, the one that was its head at ``time``.

    So all trials of an experiment train on the same data, whatever is put in while it runs.

    Raises:
        NotFoundError: there is none; says what there is.
    """
    found = store.get(wish.repo, wish.commit)
    if found.id == wish.commit or found.created <= time:
        return found
    if wish.commit != BRANCH:
        raise NotFoundError(
            f"{wish.repo}@{wish.commit}: its head is newer than the experiment, which began at {time}; name "
            f"a commit id, or the branch {BRANCH}, whose history is known"
        )
    older = [commit for commit in store.log(wish.repo) if commit.created <= time]
    if not older:
        raise NotFoundError(
            f"{wish.repo}@{wish.commit}: was empty when the experiment began, at {time}; submit it anew"
        )
    return older[0]
