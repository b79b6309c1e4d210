"""The ``data`` section of an experiment file, which selects data commits, here as on a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from fmnist.core.fashion_mnist import SPLITS, TRAIN, Split
from fmnist.data.base import BRANCH, Commit, DataStore
from fmnist.errors import ConfigError, NotFoundError
from fmnist.settings import Settings

_KEYS = ("repo", "commit")
_SPLITS = tuple(split.name for split in SPLITS)


@dataclass(frozen=True)
class DataSelector:
    """A data repo, and a commit's id, or its beginning, or a branch, which stands for its head."""

    repo: str
    commit: str


def selector_of(data: Mapping[str, Any], split: Split) -> DataSelector:
    """The selector in ``data.train`` or ``data.test``; the head of the split's default repo if absent.

    Raises:
        ConfigError: the section has another form, or a key that looks like a misspelt selector.
    """
    for key, value in data.items():
        # Other keys are free: this one would be ignored.
        misspelt = get_close_matches(key, _SPLITS, cutoff=0.7) if isinstance(value, Mapping) else ()
        likely = _SPLITS if key in _KEYS else misspelt
        if key not in _SPLITS and likely:
            raise ConfigError(f"data.{key}: there is no such key; the commits are those of data.{likely[0]}")
    section = data.get(split.name, {})
    if not isinstance(section, Mapping) or not all(
        isinstance(value, str) and value for value in section.values()
    ):
        raise ConfigError(
            f"data.{split.name}: expected {{repo: {split.repo}, commit: {BRANCH} or an id}}, both texts; put "
            "an id of digits alone in quotes"
        )
    unknown = section.keys() - set(_KEYS)
    if unknown:
        raise ConfigError(
            f"data.{split.name}.{min(unknown)}: there is no such key; there are repo and commit"
        )
    return DataSelector(section.get("repo", split.repo), section.get("commit", BRANCH))


def announced_commit(settings: Settings) -> DataSelector | None:
    """The commit that ``fmnist data watch`` runs this program for, if it does."""
    if settings.data_commit is None:
        return None
    return DataSelector(settings.data_repo or TRAIN.repo, settings.data_commit)


def selected_commit(
    store: DataStore, data: Mapping[str, Any] | None, split: Split, announced: DataSelector | None = None
) -> Commit:
    """The commit that the section ``data`` selects.

    Args:
        store: holds the commit.
        data: the section.
        split: of its two parts.
        announced: stands in the place of its repo's branch.

    Raises:
        ConfigError: the section has another form, or is of another repo than ``announced``.
        NotFoundError: there is no such repo or commit.
    """
    selector = selector_of(data or {}, split)
    if announced and announced.repo not in {selector_of(data or {}, each).repo for each in SPLITS}:
        raise ConfigError(
            f"FMNIST_DATA_REPO={announced.repo}: the experiment reads {selector.repo}; "
            f"--config data.{split.name}.repo={announced.repo} lets it read this one"
        )
    if announced and announced.repo == selector.repo and selector.commit == BRANCH:
        selector = announced
    try:
        return store.get(selector.repo, selector.commit)
    except NotFoundError as error:
        if selector == DataSelector(split.repo, BRANCH):
            raise NotFoundError(f"{error}; put data in first: fmnist data fetch") from error
        raise


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
