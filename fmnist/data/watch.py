"""Watch of a data repo: each new commit once and in order."""

import time
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from fmnist.core.progress import Say
from fmnist.data.base import DataStore, full_id
from fmnist.errors import ConfigError, TimedOut, UnavailableError

if TYPE_CHECKING:
    from fmnist.catalogue.watch_cursors import CommitCursor

_KEPT = 50
"""Number of commits that a cursor remembers, as the newest of them may be dropped later."""


class CommitFeed(Protocol):
    """Feed of a store's new commits."""

    def after(self, repo: str, seen: Sequence[str]) -> list[str]:
        """The ids of the commits after the newest of ``seen``, oldest first; all if ``seen`` is empty.

        Raises:
            NotFoundError: no such repo.
            ConfigError: the repo has none of ``seen``, so that they are from somewhere else.
        """
        ...

    def changes(self, repo: str) -> Iterator[None]:
        """Yield whenever there may be new commits, the first time at once; may end.

        Raises:
            UnavailableError: the link broke off.
            TimedOut: the subscription's time is over; listen again.
        """
        ...


class PolledFeed:
    """Feed of a store without subscriptions, which is polled every few ``seconds``."""

    def __init__(self, store: DataStore, seconds: float = 2.0) -> None:
        self._store = store
        self._seconds = seconds

    def after(self, repo: str, seen: Sequence[str]) -> list[str]:
        return newer([commit.id for commit in self._store.log(repo)], seen, repo)

    def changes(self, repo: str) -> Iterator[None]:
        while True:
            yield
            time.sleep(self._seconds)


def newer(history: Sequence[str], seen: Sequence[str], repo: str) -> list[str]:
    """The commits of ``history`` (newest first) after the newest of ``seen``, oldest first."""
    known = set(seen)
    for place, commit in enumerate(history):
        if commit in known:
            return list(reversed(history[:place]))
    if known:
        raise ConfigError(
            f"{repo}: has none of the last {len(known)} commits that were seen, such as {seen[-1]}: another "
            "server, or a new repo? Say where to begin: --from COMMIT"
        )
    return list(reversed(history))


def begin(feed: CommitFeed, repo: str, cursor: "CommitCursor", first: str | None) -> None:
    """Set the cursor for a watch: before the commit ``first``, else where the last watch stopped.

    The first watch ever begins with the newest commit.

    Raises:
        NotFoundError: no such repo, or it has no commit whose id begins with ``first``.
    """
    if first is None and cursor.read() is not None:
        return
    history = feed.after(repo, [])
    if first is None:
        cursor.write(_last(history[:-1]))
        return
    cursor.write(_last(history[: history.index(full_id(repo, first, history))]))


def poll(feed: CommitFeed, repo: str, cursor: "CommitCursor") -> Generator[str]:
    """The commits after the cursor, oldest first; it moves past each once the next one is asked for."""
    seen = cursor.read() or ()
    for commit in feed.after(repo, seen):
        yield commit
        seen = _last([*seen, commit])
        cursor.write(seen)


def watch(
    feed: CommitFeed, repo: str, cursor: "CommitCursor", say: Say, seconds: float = 2.0
) -> Iterator[str]:
    """Poll for ever; an unavailable server is reported to ``say`` and retried after ``seconds``."""
    while True:
        try:
            for _ in feed.changes(repo):
                yield from poll(feed, repo, cursor)
        except (UnavailableError, TimedOut) as error:
            say(f"{error}; listening again in {seconds:.0f} s")
        time.sleep(seconds)


def _last(commits: Sequence[str]) -> tuple[str, ...]:
    return tuple(commits[-_KEPT:])
