"""A watch tells of each good commit once, in order, whatever happens to the server meanwhile."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc  # type: ignore[import-untyped, unused-ignore]
import pytest

from fmnist.catalogue.watch_cursors import CommitCursor, commit_cursor
from fmnist.clients.pachyderm.connection import Deadlines
from fmnist.data.pachyderm.feed import PachydermFeed
from fmnist.data.watch import begin, poll, watch
from fmnist.errors import ConfigError, NotFoundError
from tests.support.pachd.state import Refusal
from tests.support.pachd.target import Target

SECONDS = 60


class _Stopped(Exception):
    pass


class Watcher:
    """A watch in a thread of its own; ``seen`` is what it told of."""

    def __init__(self, feed: PachydermFeed, repo: str, cursor: CommitCursor) -> None:
        self.seen: list[str] = []
        self.said: list[str] = []
        self._stopped = threading.Event()
        begin(feed, repo, cursor, None)
        self._commits = watch(feed, repo, cursor, self._say, seconds=0.1)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def waits_for(self, *commits: str) -> None:
        deadline = time.monotonic() + SECONDS
        while self.seen != list(commits) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.seen == list(commits), self.said

    def stop(self) -> None:
        """End with the subscription, or when the server goes away."""
        self._stopped.set()

    def _say(self, text: str) -> None:
        self.said.append(text)
        if self._stopped.is_set():
            raise _Stopped

    def _run(self) -> None:
        # The repo of a test that is over may be gone before its watch.
        with contextlib.suppress(_Stopped, NotFoundError):
            for commit in self._commits:
                self.seen.append(commit)


@pytest.fixture
def cursor(tmp_path: Path, repo: str) -> CommitCursor:
    return commit_cursor(tmp_path, repo)


@pytest.fixture
def watching(target: Target, cursor: CommitCursor) -> Iterator[Callable[[], Watcher]]:
    watchers: list[Watcher] = []

    def start() -> Watcher:
        deadlines = Deadlines(call=20, wait=20, listen=3)
        watchers.append(Watcher(PachydermFeed(target.connection(deadlines)), target.repo, cursor))
        return watchers[-1]

    yield start
    for watcher in watchers:
        watcher.stop()


def test_each_commit_comes_once_and_the_cursor_remembers(
    target: Target, cursor: CommitCursor, watching: Callable[[], Watcher]
) -> None:
    target.put_by_hand(a=b"0")
    first = target.put_by_hand(a=b"1")
    watcher = watching()
    watcher.waits_for(first)
    second, third = target.put_by_hand(a=b"2"), target.put_by_hand(a=b"3")
    watcher.waits_for(first, second, third)
    deadline = time.monotonic() + SECONDS
    while (cursor.read() or ())[-1:] != (third,) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(poll(PachydermFeed(target.connection()), target.repo, cursor)) == []


def test_failed_and_dropped_commits_are_passed_over(target: Target, watching: Callable[[], Watcher]) -> None:
    first = target.put_by_hand(a=b"1")
    watcher = watching()
    watcher.waits_for(first)
    half = target.client.start_commit(target.repo, "master")
    time.sleep(0.2)
    target.client.drop_commit(half.id)
    target.put_by_hand(**{"d": b"1", "d/e": b"2"})
    client = target.client
    with client.modify_file_client((target.repo, "master")) as changes:
        changes.delete_file("/d/")
        changes.delete_file("/d")
    last = client.inspect_branch(target.repo, "master").head.id
    client.wait_commit((target.repo, last))
    watcher.waits_for(first, last)


def test_a_watch_may_begin_before_the_first_commit(target: Target, watching: Callable[[], Watcher]) -> None:
    target.client.create_repo(target.repo)
    watcher = watching()
    first = target.put_by_hand(a=b"1")
    watcher.waits_for(first)


def test_the_server_restarts(target: Target, watching: Callable[[], Watcher]) -> None:
    server = target.server
    first = target.put_by_hand(a=b"1")
    watcher = watching()
    watcher.waits_for(first)
    server.stop()
    deadline = time.monotonic() + SECONDS
    while not watcher.said and time.monotonic() < deadline:
        time.sleep(0.02)
    server.start()
    second = _until_it_answers(lambda: target.put_by_hand(a=b"2"))
    watcher.waits_for(first, second)
    assert "listening again in 0 s" in watcher.said[0]


def test_commits_that_came_while_nobody_watched(target: Target, cursor: CommitCursor) -> None:
    feed = PachydermFeed(target.connection())
    first = target.put_by_hand(a=b"1")
    begin(feed, target.repo, cursor, None)
    assert list(poll(feed, target.repo, cursor)) == [first]
    second, third = target.put_by_hand(a=b"2"), target.put_by_hand(a=b"3")
    begin(feed, target.repo, cursor, None)
    told = poll(feed, target.repo, cursor)
    assert next(told) == second
    told.close()
    assert list(poll(feed, target.repo, cursor)) == [second, third]
    begin(feed, target.repo, cursor, second[:8])
    assert list(poll(feed, target.repo, cursor)) == [second, third]


def test_a_seen_commit_may_be_dropped(target: Target, cursor: CommitCursor) -> None:
    feed = PachydermFeed(target.connection())
    first = target.put_by_hand(a=b"1")
    begin(feed, target.repo, cursor, first)
    second = target.put_by_hand(a=b"2")
    assert list(poll(feed, target.repo, cursor)) == [first, second]
    target.client.drop_commit(second)
    third = target.put_by_hand(a=b"3")
    assert list(poll(feed, target.repo, cursor)) == [third]


def test_a_head_that_is_dropped_while_one_asks(target: Target) -> None:
    refusals = target.server.faults.refusals["ListCommit"]
    dropped = Refusal(grpc.StatusCode.NOT_FOUND, f"commit default/{target.repo}@{'0' * 32} not found")
    first = target.put_by_hand(a=b"1")
    refusals += [dropped] * 2
    assert PachydermFeed(target.connection()).after(target.repo, []) == [first]
    refusals += [dropped] * 3
    with pytest.raises(NotFoundError, match=f"{target.repo}@0000"):
        target.store().get(target.repo)


def test_what_comes_after_an_unfinished_commit_waits(target: Target, cursor: CommitCursor) -> None:
    state = target.server.state
    first = target.put_by_hand(a=b"1")
    feed = PachydermFeed(target.connection())
    state.seconds_to_finish = 3600
    client = target.client
    with client.modify_file_client((target.repo, "master")) as changes:
        changes.put_file_from_bytes("/b", b"2")
    assert feed.after(target.repo, []) == [first]
    state.seconds_to_finish = 0
    assert feed.after(target.repo, [first]) == [client.inspect_branch(target.repo, "master").head.id]


def test_what_does_not_pass_by_itself_ends_the_watch(target: Target, cursor: CommitCursor) -> None:
    feed = PachydermFeed(target.connection())
    with pytest.raises(NotFoundError, match=f"{target.repo} not found"):
        begin(feed, target.repo, cursor, None)
    target.put_by_hand(a=b"1")
    with pytest.raises(NotFoundError, match="no commits begin with ffff"):
        begin(feed, target.repo, cursor, "ffff")
    cursor.write(("0" * 32,))
    with pytest.raises(ConfigError, match="another server"):
        list(poll(feed, target.repo, cursor))
    begin(feed, target.repo, cursor, target.client.inspect_branch(target.repo, "master").head.id)
    target.server.faults.refusals["SubscribeCommit"] = [
        Refusal(grpc.StatusCode.PERMISSION_DENIED, "not authorized")
    ]
    with pytest.raises(ConfigError, match="PERMISSION_DENIED"):
        _drain(watch(feed, target.repo, cursor, lambda _: None))


def _drain(commits: Iterator[str]) -> None:
    for _ in commits:
        pass


def _until_it_answers(ask: Callable[[], str]) -> str:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return ask()
        except (grpc.RpcError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
