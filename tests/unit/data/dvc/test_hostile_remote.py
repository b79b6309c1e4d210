"""A remote that whoever can write to its bucket made: no name of it leads outside of the repo."""

import hashlib
import json
from pathlib import Path

import pytest

from fmnist.data.base import StoredFile
from fmnist.data.dvc.history import GitHistory
from fmnist.data.dvc.remote import DvcRemote
from fmnist.data.dvc.remote_storage import open_remote
from fmnist.data.dvc.store import DvcStore
from fmnist.errors import IntegrityError, NotFoundError

OUTSIDE = ["../../escaped", "/tmp/fmnist-escaped", "a/../../../escaped", "a\\b", "\x1b[2Ja", ".."]


class Remote:
    """A remote in a folder, written byte by byte; ``pull`` is a victim's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = DvcStore(folder / "attacker")
        (folder / "a").write_bytes(b"1")
        self._first = self._store.put("garments", {"a": folder / "a"}, "harmless")
        self.victim = DvcStore(folder / "victim")

    def history(self) -> GitHistory:
        return self._store.history("garments")

    def commit(self, names: tuple[str, ...], listing: list[dict[str, str]]) -> None:
        """A commit whose record names these files, and whose listing is this."""
        content = json.dumps(listing).encode()
        (self._store.folder("garments") / "files.dvc").write_text(
            f"outs:\n- md5: {md5(content)}.dir\n  hash: md5\n  path: files\n"
        )
        files = tuple(StoredFile(name, 1, hashlib.sha256(b"1").hexdigest()) for name in names)
        with self.history() as history:
            history.add(files, "evil", self._first.id)
        self.publish({f"{md5(content)}.dir": content, md5(b"1"): b"1"})

    def publish(self, objects: dict[str, bytes]) -> None:
        remote = self._folder / "shared/garments"
        for oid, content in {**objects, **self._objects()}.items():
            path = remote / "files/md5" / oid[:2] / oid[2:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        with self.history() as history:
            (remote / "history.bundle").write_bytes(history.pack())

    def _objects(self) -> dict[str, bytes]:
        cache = self._store.folder("garments") / ".dvc/cache/files/md5"
        return {path.parent.name + path.name: path.read_bytes() for path in cache.glob("*/*")}

    def pull(self) -> None:
        storage = open_remote(str(self._folder / "shared"), self._folder / ".dvc")
        DvcRemote(self.victim, storage).pull("garments")


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def assert_refused(remote: Remote, folder: Path, reason: str) -> None:
    """Nothing appears outside of the victim's repo, and no commit in it."""
    before = {path for path in folder.rglob("*") if not path.is_relative_to(folder / "victim")}
    with pytest.raises(IntegrityError, match=reason):
        remote.pull()
    assert {path for path in folder.rglob("*") if not path.is_relative_to(folder / "victim")} == before
    assert not Path("/tmp/fmnist-escaped").exists()
    with pytest.raises(NotFoundError):
        remote.victim.log("garments")


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path)


def test_a_remote_of_this_kind_can_be_pulled(remote: Remote) -> None:
    remote.commit(("b",), [{"md5": md5(b"1"), "relpath": "b"}])
    remote.pull()
    assert [file.name for file in remote.victim.get("garments").files] == ["b"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_record_cannot_name_files_outside(remote: Remote, tmp_path: Path, name: str) -> None:
    remote.commit((name,), [{"md5": md5(b"1"), "relpath": name}])
    assert_refused(remote, tmp_path, "this history is damaged .*expected a relative path")
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("relpath", OUTSIDE[:2])
def test_the_listing_cannot_name_files_outside(remote: Remote, tmp_path: Path, relpath: str) -> None:
    remote.commit(("b",), [{"md5": md5(b"1"), "relpath": "b"}, {"md5": md5(b"1"), "relpath": relpath}])
    assert_refused(remote, tmp_path, "its listing is recorded but cannot be read")


@pytest.mark.parametrize("oid", ["../../../../escaped", "0" * 32 + ".dir/../../x", ""])
def test_objects_cannot_lie_outside_of_the_cache(remote: Remote, tmp_path: Path, oid: str) -> None:
    remote.commit(("b",), [{"md5": oid, "relpath": "b"}])
    assert_refused(remote, tmp_path, "expected an MD5")


@pytest.mark.parametrize(
    "pointer", ["outs:\n- md5: ../../x.dir\n  path: files\n", "outs: []\n", "- !!x", "\0"]
)
def test_the_pointer_cannot_lead_outside(remote: Remote, tmp_path: Path, pointer: str) -> None:
    remote.commit(("b",), [{"md5": md5(b"1"), "relpath": "b"}])
    with remote.history() as history:
        commit = history.get("master")
        (tmp_path / "attacker/garments/files.dvc").write_text(pointer)
        history.add(commit.files, "evil", commit.id)
    remote.publish({})
    assert_refused(remote, tmp_path, r"files\.dvc is damaged")


@pytest.mark.parametrize(
    ("name", "mode", "content"),
    [
        ("dvc.yaml", 0o100644, b"stages: {x: {cmd: touch /tmp/fmnist-escaped}}"),
        (".dvc/config", 0o100644, b"[core]\n    autostage = true\n"),
        (".gitattributes", 0o100644, b"* filter=x"),
        ("link", 0o120000, b"/tmp"),
        ("files", 0o120000, b"/tmp"),
        ("files.json", 0o100755, b"{}"),
        (".git/hooks/post-checkout", 0o100755, b"#!/bin/sh\ntouch /tmp/fmnist-escaped\n"),
        ("../escaped", 0o100644, b"x"),
    ],
)
def test_no_file_of_the_history_is_checked_out_that_fmnist_did_not_write(
    remote: Remote, tmp_path: Path, name: str, mode: int, content: bytes
) -> None:
    from dulwich.index import commit_tree
    from dulwich.object_store import iter_tree_contents
    from dulwich.objects import Blob, Commit
    from dulwich.refs import Ref
    from dulwich.repo import Repo

    with Repo(str(tmp_path / "attacker/garments")) as git:
        commit = git[git.head()]
        assert isinstance(commit, Commit)
        entries = [(e.path, e.sha, e.mode) for e in iter_tree_contents(git.object_store, commit.tree)]
        blob = Blob.from_string(content)
        kept = [entry for entry in entries if entry[0] != name.encode()]
        git.object_store.add_object(blob)
        commit.tree = commit_tree(git.object_store, [*kept, (name.encode(), blob.id, mode)])
        git.object_store.add_object(commit)
        git.refs[Ref(b"refs/heads/master")] = commit.id
    remote.publish({})
    assert_refused(remote, tmp_path, "this history is damaged")
