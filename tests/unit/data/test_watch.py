from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist.catalogue.watch_cursors import CommitCursor, commit_cursor
from fmnist.data.dvc import DvcStore
from fmnist.data.watch import PolledFeed, begin, newer, poll, watch
from fmnist.errors import (
    ConfigError,
    NotFoundError,
    TimedOut,
    UnavailableError,
)
from tests.support.drawing import untimed


class Feed:
    """CommitCursor that are there, newest last; ``wakes`` are what a subscription does, one after another."""

    def __init__(self, *commits: str) -> None:
        self.commits = list(commits)
        self.wakes: list[str | Exception] = []

    def after(self, repo: str, seen: Sequence[str]) -> list[str]:
        return newer(self.commits[::-1], seen, repo)

    def changes(self, repo: str) -> Iterator[None]:
        yield
        while self.wakes:
            wake = self.wakes.pop(0)
            if isinstance(wake, Exception):
                raise wake
            self.commits.append(wake)
            yield


@pytest.fixture
def cursor(tmp_path: Path) -> CommitCursor:
    return commit_cursor(tmp_path, "garments")


@untimed
@given(st.lists(st.integers(0, 9).map(str), unique=True), st.data())
def test_newer_gives_what_comes_after_the_newest_seen(commits: list[str], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(commits)))
    seen = [*data.draw(st.lists(st.just("dropped"))), *commits[:count]] if count else []
    assert newer(commits[::-1], seen, "garments") == commits[count:]


def test_the_first_watch_begins_with_the_newest_commit(cursor: CommitCursor) -> None:
    feed = Feed("a", "b", "c")
    begin(feed, "garments", cursor, None)
    assert list(poll(feed, "garments", cursor)) == ["c"]
    assert list(poll(feed, "garments", cursor)) == []


def test_a_watch_goes_on_where_the_last_one_stopped(cursor: CommitCursor) -> None:
    feed = Feed("a")
    begin(feed, "garments", cursor, None)
    assert list(poll(feed, "garments", cursor)) == ["a"]
    feed.commits += ["b", "c"]
    begin(feed, "garments", cursor, None)
    told = poll(feed, "garments", cursor)
    assert [next(told), next(told)] == ["b", "c"]
    told.close()
    assert list(poll(feed, "garments", cursor)) == ["c"]


def test_before_the_first_commit_all_that_come_count(cursor: CommitCursor) -> None:
    feed = Feed()
    begin(feed, "garments", cursor, None)
    feed.commits += ["a", "b"]
    assert list(poll(feed, "garments", cursor)) == ["a", "b"]


def test_a_watch_can_begin_anywhere(cursor: CommitCursor) -> None:
    feed = Feed("a1", "b2", "b3", "c4")
    begin(feed, "garments", cursor, "b2")
    assert list(poll(feed, "garments", cursor)) == ["b2", "b3", "c4"]
    for first, which in (("b", r"2 commits begin with b \(b2, b3\)"), ("x", "no commits begin with x")):
        with pytest.raises(NotFoundError, match=which):
            begin(feed, "garments", cursor, first)


def test_another_history_is_refused(cursor: CommitCursor) -> None:
    cursor.write(("x", "y"))
    with pytest.raises(ConfigError, match=r"none of the last 2 commits.*y.*--from"):
        list(poll(Feed("a", "b"), "garments", cursor))


def test_a_watch_survives_what_passes_and_ends_with_what_does_not(cursor: CommitCursor) -> None:
    feed = Feed("a")
    feed.wakes = ["b", UnavailableError("away"), "c", TimedOut("an hour is over"), "d", ConfigError("no")]
    begin(feed, "garments", cursor, None)
    said: list[str] = []
    with pytest.raises(ConfigError, match="no"):
        list(watch(feed, "garments", cursor, said.append, seconds=0))
    assert cursor.read() == ("a", "b", "c", "d")
    assert said == ["away; listening again in 0 s", "an hour is over; listening again in 0 s"]


def test_a_cursor_keeps_a_few(cursor: CommitCursor) -> None:
    assert cursor.read() is None
    begin(Feed(*(str(number) for number in range(100))), "garments", cursor, None)
    kept = cursor.read()
    assert kept is not None
    assert (len(kept), kept[-1]) == (50, "98")


def test_repos_on_this_machine_are_looked_at(tmp_path: Path, cursor: CommitCursor) -> None:
    store = DvcStore(tmp_path / "data")
    feed = PolledFeed(store, seconds=0)
    with pytest.raises(NotFoundError, match="garments"):
        begin(feed, "garments", cursor, None)
    (tmp_path / "a").write_bytes(b"1")
    first = store.put("garments", {"a": tmp_path / "a"}, "m").id
    begin(feed, "garments", cursor, None)
    told = watch(feed, "garments", cursor, lambda _: None, seconds=0)
    assert next(told) == first
    (tmp_path / "a").write_bytes(b"2")
    second = store.put("garments", {"a": tmp_path / "a"}, "m").id
    assert next(told) == second
