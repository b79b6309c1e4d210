"""Reading over a link that is cut, silent or gone, and commits that cannot be trusted."""

import time

import pytest

from fmnist.clients.pachyderm.connection import Deadlines
from fmnist.data.pachyderm.store import PachydermStore
from fmnist.errors import DataError, IntegrityError, NotFoundError, TimedOut, UnavailableError
from fmnist.settings.pachd_address import Pachd
from tests.support.files import Files
from tests.support.pachd.link import linked
from tests.support.pachd.target import Target

SHORT = Deadlines(call=4, wait=4, transfer=4, listen=4)


def content_of(target: Target) -> bytes:
    """More than goes into one message from the server; does not compress."""
    import random

    return random.Random(7).randbytes(target.message_bytes * 3 // 2)


def test_a_read_goes_on_where_the_link_was_cut(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    content = content_of(target)
    commit = store.put(repo, files(a=content), "m")
    with linked(target.pachd.host, target.pachd.port) as link:
        over = target.store(Pachd("127.0.0.1", link.port, token=target.pachd.token))
        over.get(repo, commit.id)
        link.cut(after=target.message_bytes + 30_000)
        assert over.read(commit, "a") == content
        assert link.cuts == []
        link.cut(after=100)
        link.cut(after=target.message_bytes + 30_000)
        assert over.read(commit, "a") == content
        assert link.cuts == []


def test_a_link_that_is_cut_each_time_is_given_up(
    target: Target, store: PachydermStore, repo: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmnist.data.pachyderm.files._PAUSE_SECONDS", 0.02)
    commit = store.put(repo, files(a=b"1" * 50_000), "m")
    with linked(target.pachd.host, target.pachd.port) as link:
        over = target.store(Pachd("127.0.0.1", link.port, token=target.pachd.token))
        for _ in range(20):
            link.cuts.append(200)
        with pytest.raises(UnavailableError, match=f"{commit.id}: a: "):
            over.read(commit, "a")


def test_a_silent_server_is_given_up_after_the_deadline(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    commit = store.put(repo, files(a=content_of(target)), "m")
    with linked(target.pachd.host, target.pachd.port) as link:
        over = target.store(Pachd("127.0.0.1", link.port, token=target.pachd.token), SHORT)
        over.get(repo, commit.id)
        link.silence()
        begun = time.monotonic()
        with pytest.raises(TimedOut, match="DEADLINE_EXCEEDED"):
            over.read(commit, "a")
        assert time.monotonic() - begun < 12


def test_a_server_that_comes_back_is_read_on(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    server = target.server
    commit = store.put(repo, files(a=b"1"), "m")
    server.stop()
    with pytest.raises(UnavailableError, match=f"{repo}: .*UNAVAILABLE.*is pachd up"):
        store.log(repo)
    server.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            assert store.log(repo) == [commit]
            break
        except UnavailableError:
            time.sleep(0.1)
    assert store.read(commit, "a") == b"1"


def test_an_open_commit_is_not_read(target: Target, store: PachydermStore, repo: str, files: Files) -> None:
    first = store.put(repo, files(a=b"1"), "m")
    client = target.client
    half = client.start_commit(repo, "master")
    with client.modify_file_client(half) as changes:
        changes.put_file_from_bytes("/a", b"half")
    for ref in ("master", half.id):
        with pytest.raises(UnavailableError, match=f"{half.id}: open since"):
            store.get(repo, ref)
    assert store.log(repo) == [first]
    assert store.get(repo, first.id) == first
    client.finish_commit(half)
    client.wait_commit((repo, half.id))
    assert store.get(repo).id == half.id


def test_bytes_that_are_not_what_the_sums_say(target: Target, store: PachydermStore, repo: str) -> None:
    target.put_by_hand(a=b"1", SHA256SUMS=b"0" * 64 + b"  a\n")
    commit = store.get(repo)
    with pytest.raises(IntegrityError, match=f"{commit.id}: a has 1 bytes with SHA-256 6b86.*recorded.*000"):
        store.read(commit, "a")


def test_what_is_missing_is_named(target: Target, store: PachydermStore, repo: str, files: Files) -> None:
    with pytest.raises(
        NotFoundError, match=rf"branch .* not found in repo default/{repo}; .*\(there are: none\)"
    ):
        store.get(repo)
    target.client.create_repo(repo)
    with pytest.raises(NotFoundError, match='branch "master" not found'):
        store.get(repo)
    commit = store.put(repo, files(a=b"1"), "m")
    with pytest.raises(NotFoundError, match='branch "nope" not found'):
        store.get(repo, "nope")
    with pytest.raises(NotFoundError, match=f"{commit.id[:-1]}x"):
        store.get(repo, f"{commit.id[:-1]}x")
    other = "0" * 12 + "4" + "0" * 19
    with pytest.raises(NotFoundError, match=f"{other} not found"):
        store.get(repo, other)
    with pytest.raises(NotFoundError, match="no file b; it holds a"):
        store.read(commit, "b")


def test_an_empty_commit_and_an_empty_file(target: Target, store: PachydermStore, repo: str) -> None:
    target.put_by_hand(empty=b"")
    first = store.get(repo)
    assert store.read(first, "empty") == b""
    target.put_by_hand()
    second = store.get(repo)
    assert (second.parent, second.files) == (first.id, first.files)


def test_a_commit_that_failed_is_not_read(target: Target, store: PachydermStore, repo: str) -> None:
    good = target.put_by_hand(a=b"1")
    failed = target.put_by_hand(**{"d": b"1", "d/e": b"2"})
    with pytest.raises(DataError, match=f"{failed}: ended with an error.*path collision"):
        store.get(repo, failed)
    assert [commit.id for commit in store.log(repo)] == [good]
