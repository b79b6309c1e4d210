"""How a put shows at the server, and what it does when others write there too."""

import hashlib
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
import pytest

from fmnist.data.pachyderm.files import Files as PfsFiles
from fmnist.data.pachyderm.files import _UploadStream
from fmnist.data.pachyderm.store import PachydermStore
from fmnist.errors import DataError, InputError, UnavailableError
from tests.support.files import Files
from tests.support.pachd.state import Refusal
from tests.support.pachd.target import Target


def commits(target: Target) -> list[str]:
    return [info.commit.id for info in target.client.list_commit(target.repo)]


def test_a_put_is_one_commit_with_the_sums_beside_the_files(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    commit = store.put(repo, files(b=b"two", a=b"one"), "why: ü\n# second line")
    assert commits(target) == [commit.id]
    assert [info.file.path for info in target.client.list_file((repo, commit.id), "/")] == [
        "/SHA256SUMS",
        "/a",
        "/b",
    ]
    with target.client.get_file((repo, commit.id), "/SHA256SUMS") as stream:
        text = stream.read().decode()
    assert text == (
        '# fmnist "why: \\u00fc\\n# second line"\n'
        f"{hashlib.sha256(b'one').hexdigest()}  a\n{hashlib.sha256(b'two').hexdigest()}  b\n"
    )
    assert target.store().get(repo).message == "why: ü\n# second line"


def test_messages_are_at_most_a_mebibyte(store: PachydermStore, repo: str, files: Files) -> None:
    # The server refuses more than 4 MiB in one.
    content = bytes(range(256)) * 20_000
    commit = store.put(repo, files(a=content), "m")
    assert store.read(commit, "a") == content


def test_a_put_takes_away_what_others_left(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    target.put_by_hand(a=b"1", other=b"x")
    commit = store.put(repo, files(a=b"1"), "m")
    assert [file.name for file in commit.files] == ["a"]
    assert len(commits(target)) == 2


def test_what_others_put_counts_as_unchanged(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    by_hand = target.put_by_hand(a=b"1", b=b"2")
    assert store.put(repo, files(a=b"1", b=b"2"), "m").id == by_hand
    assert commits(target) == [by_hand]


def test_sums_that_lie_do_not_make_a_put_unnecessary(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    lies = f"{hashlib.sha256(b'1').hexdigest()}  a\n".encode()
    target.put_by_hand(a=b"2", SHA256SUMS=lies)
    commit = store.put(repo, files(a=b"1"), "m")
    assert store.read(commit, "a") == b"1"


@pytest.mark.parametrize("name", ["ü", "a*", "a[1]", "a (1)", "a+b", "SHA256SUMS"])
def test_names_that_pachyderm_does_not_take(
    target: Target, store: PachydermStore, repo: str, files: Files, name: str
) -> None:
    with pytest.raises(InputError, match="file name"):
        store.put(repo, {name: files(a=b"1")["a"]}, "m")
    assert repo not in [info.repo.name for info in target.client.list_repo()]


@pytest.mark.parametrize("name", ["a*b", "ü", "../x"])
def test_the_server_refuses_such_names_too(target: Target, repo: str, name: str) -> None:
    with pytest.raises(grpc.RpcError, match="invalid"):
        target.put_by_hand(**{name: b"1"})


def test_a_file_that_changes_meanwhile_is_not_put(
    target: Target, store: PachydermStore, repo: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.put(repo, files(a=b"1"), "m")
    described = files(a=b"2")

    def late(*_: object) -> bytes:
        described["a"].write_bytes(b"3")
        return b""

    monkeypatch.setattr("fmnist.data.pachyderm.store.digests.write", late)
    with pytest.raises(InputError, match="changed while being put: a"):
        store.put(repo, described, "m")
    assert commits(target) == [first.id]


def test_nothing_is_put_into_somebodys_open_commit(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    store.put(repo, files(a=b"1"), "m")
    open_one = target.client.start_commit(repo, "master")
    with pytest.raises(UnavailableError, match=f"{open_one.id}: open since .* UTC.*doctor {repo} --drop"):
        store.put(repo, files(a=b"2"), "m")
    with target.client.get_file((repo, open_one.id), "/a") as stream:
        assert stream.read() == b"1"


def test_a_put_over_a_commit_that_failed(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    failed = target.put_by_hand(**{"d": b"1", "d/e": b"2"})
    with pytest.raises(DataError, match=f"{failed}: ended with an error: file / directory path collision"):
        store.get(repo)
    commit = store.put(repo, files(a=b"1"), "m")
    assert store.get(repo) == commit
    assert commit.parent is None
    assert [found.id for found in store.log(repo)] == [commit.id]


def test_our_own_commit_that_fails_is_dropped(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    first = store.put(repo, files(a=b"1"), "m")
    target.server.state.next_error = "no space left"
    with pytest.raises(DataError, match=r"no space left.*dropped"):
        store.put(repo, files(a=b"2"), "m")
    assert store.get(repo) == first
    assert commits(target) == [first.id]


def test_a_put_waits_until_the_commit_is_finished(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    target.server.state.seconds_to_finish = 0.3
    commit = store.put(repo, files(a=b"1"), "m")
    assert next(target.client.inspect_commit((repo, commit.id))).HasField("finished")
    with target.client.modify_file_client((repo, "master")) as changes:
        changes.put_file_from_bytes("/a", b"2")
    assert len(store.log(repo)) == 2


def test_a_commit_that_follows_at_once_is_not_taken_for_ours(
    target: Target, store: PachydermStore, repo: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(repo, files(a=b"1"), "m")
    write = PfsFiles.write

    def write_then_another(*arguments: Any) -> None:
        write(*arguments)
        target.put_by_hand(theirs=b"x")

    monkeypatch.setattr(PfsFiles, "write", write_then_another)
    commit = store.put(repo, files(a=b"2"), "ours")
    assert [file.name for file in commit.files] == ["a"]
    assert [file.name for file in store.get(repo).files] == ["a", "theirs"]
    assert store.get(repo).parent == commit.id


def test_a_link_that_breaks_in_a_put_leaves_nothing(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    first = store.put(repo, files(a=b"1"), "m")
    target.server.faults.refusals["ModifyFile"] = [
        Refusal(grpc.StatusCode.UNAVAILABLE, "Stream removed (recvmsg:Connection reset by peer)")
    ]
    with pytest.raises(UnavailableError, match=f"putting into {repo}: .*Stream removed"):
        store.put(repo, files(a=b"2"), "m")
    assert store.get(repo) == first
    assert store.put(repo, files(a=b"2"), "m").parent == first.id


def test_a_server_killed_in_a_put_has_nothing_of_it(
    target: Target, repo: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = target.server
    first = target.store().put(repo, files(a=b"1"), "m")
    read = _UploadStream.read

    def read_and_kill(self: _UploadStream, size: int) -> bytes:
        server.stop()
        return read(self, size)

    with monkeypatch.context() as patch:
        patch.setattr(_UploadStream, "read", read_and_kill)
        with pytest.raises(UnavailableError, match=f"putting into {repo}: .*UNAVAILABLE"):
            target.store().put(repo, files(a=b"2" * 3_000_000), "m")
    server.start()
    assert target.store().log(repo) == [first]
    assert target.store().put(repo, files(a=b"2"), "m").parent == first.id


def test_a_folder_is_put_with_its_names(store: PachydermStore, repo: str, tmp_path: Path) -> None:
    (tmp_path / "one two").write_bytes(b"1")
    commit = store.put(repo, {"deep/er/one two": tmp_path / "one two"}, "m")
    assert store.read(store.get(repo, commit.id), "deep/er/one two") == b"1"
