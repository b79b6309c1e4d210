"""The DVC store where it is more than a store: killed, damaged, raced, in a hostile environment."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from fmnist.data.dvc import DvcStore
from fmnist.data.dvc import store as dvc_store
from fmnist.errors import InputError, IntegrityError, NotFoundError, TimedOut, UnavailableError
from fmnist.files.lock import only_writer

_PUTS_AND_DIES = """
import os, signal, sys
from pathlib import Path
from fmnist.data.dvc import history
from fmnist.data.dvc import store
from fmnist.data.dvc import DvcStore

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

step = sys.argv[3]
if step == "skeleton":
    history.GitHistory.create = die
elif step == "copied":
    store.DvcCache.add = die
elif step == "added":
    history.GitHistory.add = die
elif step == "objects written":
    from dulwich.refs import DiskRefsContainer
    DiskRefsContainer.set_if_equals = die
elif step == "branch locked":
    from dulwich import refs
    plain = refs.GitFile
    def locked(path, mode, *args, **kwargs):
        handle = plain(path, mode, *args, **kwargs)
        return die() if mode == "wb" and "heads" in os.fsdecode(path) else handle
    refs.GitFile = locked
elif step == "index locked":
    from dulwich import index
    index.write_index_dict = die
DvcStore(Path(sys.argv[1])).put("garments", {"a": Path(sys.argv[2])}, "killed")
"""

_PUTS_FOR_EVER = """
import itertools, sys
from pathlib import Path
from fmnist.data.dvc import DvcStore

store = DvcStore(Path(sys.argv[1]))
source = Path(sys.argv[2])
store.put("garments", {"a": source}, "ready")
print("ready", flush=True)
for number in itertools.count():
    source.write_bytes(b"%d" % number * 50_000)
    store.put("garments", {"a": source, "b": source}, str(number))
"""


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def run_killed(root: Path, source: Path, step: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PUTS_AND_DIES, str(root), str(source), step],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def cached(root: Path) -> list[Path]:
    return [path for path in (root / "garments/.dvc/cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "step", ["copied", "added", "objects written", "branch locked"], ids=lambda step: step.replace(" ", "-")
)
def test_killed_before_the_branch_moves_nothing_is_visible(tmp_path: Path, step: str) -> None:
    store = DvcStore(tmp_path / "data")
    first = store.put("garments", {"a": write(tmp_path / "a", b"1")}, "first")
    run_killed(tmp_path / "data", write(tmp_path / "b", b"2"), step)
    assert store.log("garments") == [first]
    assert store.read(first, "a") == b"1"
    second = store.put("garments", {"c": write(tmp_path / "c", b"3")}, "second")
    assert second.parent == first.id
    assert [file.name for file in second.files] == ["c"]
    assert store.read(second, "c") == b"3"


def test_killed_after_the_branch_moved_the_commit_is_whole(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    first = store.put("garments", {"a": write(tmp_path / "a", b"1")}, "first")
    run_killed(tmp_path / "data", write(tmp_path / "b", b"2"), "index locked")
    second = store.get("garments")
    assert second.parent == first.id
    assert store.read(second, "a") == b"2"
    assert store.put("garments", {"a": tmp_path / "a"}, "third").parent == second.id


def test_killed_in_the_very_first_put_there_is_no_repo(tmp_path: Path) -> None:
    root, source = tmp_path / "data", write(tmp_path / "a", b"1")
    store = DvcStore(root)
    for step in ("skeleton", "added"):
        run_killed(root, source, step)
        with pytest.raises(NotFoundError, match="garments"):
            store.log("garments")
    commit = store.put("garments", {"a": source}, "works")
    assert store.log("garments") == [commit]
    assert sorted(path.name for path in root.iterdir()) == [".garments.lock", "garments"]


def test_killed_at_any_moment_every_commit_is_whole(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", _PUTS_FOR_EVER, str(tmp_path / "data"), write(tmp_path / "a", b"start")],
            stdout=subprocess.PIPE,
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            threading.Event().wait(random.uniform(0, 0.4))
            child.send_signal(signal.SIGKILL)
        commits = store.log("garments")
        assert [commit.parent for commit in commits[:-1]] == [commit.id for commit in commits[1:]]
        for commit in commits:
            for file in commit.files:
                assert len(store.read(commit, file.name)) == file.size
    last = store.put("garments", {"z": write(tmp_path / "z", b"end")}, "after")
    assert store.log("garments")[0] == last


def test_a_damaged_object_is_noticed_and_restored_by_putting_again(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    files = {"a": write(tmp_path / "a", b"1" * 1000)}
    commit = store.put("garments", files, "first")
    for damage in (b"1" * 999, b"1" * 999 + b"2", b""):
        for path in cached(tmp_path / "data"):
            if path.suffix != ".dir":
                path.chmod(0o644)
                path.write_bytes(damage)
        with pytest.raises(IntegrityError, match=r"garments@.*: a has .* put the same files again"):
            store.read(commit, "a")
        assert store.put("garments", files, "again") == commit
        assert store.read(commit, "a") == b"1" * 1000


@pytest.mark.parametrize("listing", [True, False], ids=["listing", "file"])
@pytest.mark.parametrize("damage", [None, b"", b"junk", b'[{"md5": "0", "relpath": "a"}]'])
def test_a_missing_or_broken_cache_is_an_integrity_error(
    tmp_path: Path, listing: bool, damage: bytes | None
) -> None:
    store = DvcStore(tmp_path / "data")
    files = {"a": write(tmp_path / "a", b"1" * 1000)}
    commit = store.put("garments", files, "first")
    for path in cached(tmp_path / "data"):
        if (path.suffix == ".dir") == listing:
            path.chmod(0o644)
            if damage is None:
                path.unlink()
            else:
                path.write_bytes(damage)
    with pytest.raises(IntegrityError, match="put the same files again"):
        store.read(commit, "a")
    assert store.put("garments", files, "again") == commit
    assert store.read(commit, "a") == b"1" * 1000


def test_a_commit_of_other_bytes_never_comes_from_a_damaged_object(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    one, two = write(tmp_path / "one", b"1" * 1000), write(tmp_path / "two", b"2" * 1000)
    store.put("garments", {"a": one}, "one")
    for path in cached(tmp_path / "data"):
        path.chmod(0o644)
        path.write_bytes(b"damaged")
    store.put("garments", {"a": two}, "two")
    third = store.put("garments", {"a": one}, "one again")
    assert store.read(third, "a") == b"1" * 1000


def test_the_users_git_and_dvc_take_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = tmp_path / "checkout"
    hooks = user / "hooks"
    hooks.mkdir(parents=True)
    for hook in ("pre-commit", "commit-msg", "reference-transaction"):
        write(hooks / hook, b"#!/bin/sh\ntouch $0.ran\nexit 1\n").chmod(0o755)
    write(user / "ignore", b".dvc\n*.dvc\n*.json\nfiles\n.gitignore\n")
    write(
        user / "config",
        f"[user]\n name = Somebody\n email = s@example.org\n[commit]\n gpgsign = true\n"
        f"[core]\n hooksPath = {hooks}\n excludesFile = {user}/ignore\n autocrlf = true\n"
        f"[init]\n defaultBranch = trunk\n templateDir = {hooks}\n".encode(),
    )
    (user / "dvc").mkdir()
    write(user / "dvc/config", f"[cache]\n dir = {user}/shared-cache\n type = symlink\n".encode())
    subprocess.run(["git", "init", "-q", str(user)], check=True)
    before = {path: path.read_bytes() for path in (user / ".git").rglob("*") if path.is_file()}
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user / "config"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(user / "dvc"))
    monkeypatch.setenv("GIT_DIR", str(user / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(user))
    monkeypatch.setenv("GIT_INDEX_FILE", str(user / ".git/other-index"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.chdir(user)

    store = DvcStore(user / ".fmnist/data")
    store.put("garments", {"a": write(tmp_path / "a", b"1\r\n")}, "first")
    commit = store.put("garments", {"a": write(tmp_path / "a", b"2\r\n")}, "second")

    assert store.read(commit, "a") == b"2\r\n"
    assert {path: path.read_bytes() for path in (user / ".git").rglob("*") if path.is_file()} == before
    assert not list(user.rglob("*.ran"))
    assert not (user / "shared-cache").exists()
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name)
    git = ["git", "-C", str(user / ".fmnist/data/garments")]
    log = subprocess.run(
        [*git, "log", "--format=%an %cn %D"], capture_output=True, text=True, check=True
    ).stdout
    assert log.splitlines() == ["fmnist fmnist HEAD -> master", "fmnist fmnist "]
    status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    assert status.stdout == ""


def test_all_state_is_below_the_root_and_nothing_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []
    makedirs = os.makedirs

    def recorded(name: str | bytes | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        made.append(os.fsdecode(name))
        makedirs(name, *args, **kwargs)

    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(os, "makedirs", recorded)
    store = DvcStore(tmp_path / "data")
    commit = store.put("garments", {"a": write(tmp_path / "a", b"1")}, "first")
    store.read(commit, "a")
    assert not list(home.iterdir())
    assert [path for path in made if not path.startswith(str(tmp_path))] == []
    assert capfd.readouterr() == ("", "")


def test_a_history_can_be_used_by_people_with_dvc(tmp_path: Path) -> None:
    store = DvcStore(tmp_path / "data")
    store.put("garments", {"a": write(tmp_path / "a", b"1")}, "first")
    store.put("garments", {"a": write(tmp_path / "a", b"22")}, "second")
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "diff", "HEAD~1", "HEAD"],
        cwd=tmp_path / "data/garments",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(tmp_path / "site")},
    )
    assert "files/a" in done.stdout


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    root = tmp_path / "data"
    sources = [write(tmp_path / f"s{number}", b"%d" % number) for number in range(4)]
    threads = [
        threading.Thread(target=lambda source=source: DvcStore(root).put("garments", {"a": source}, "m"))
        for source in sources
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    store = DvcStore(root)
    assert sorted(store.read(commit, "a") for commit in store.log("garments")) == [b"0", b"1", b"2", b"3"]


def test_a_writer_that_never_ends_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dvc_store, "_LOCK_SECONDS", 0.1)
    with (
        only_writer(tmp_path / "data/.garments.lock", 1, "the test"),
        pytest.raises(TimedOut, match="data repo garments"),
    ):
        DvcStore(tmp_path / "data").put("garments", {"a": write(tmp_path / "a", b"1")}, "m")


def test_a_foreign_folder_in_the_way_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "data/garments"
    mine.mkdir(parents=True)
    write(mine / "precious", b"1")
    with pytest.raises(InputError, match="in the way"):
        DvcStore(tmp_path / "data").put("garments", {"a": write(tmp_path / "a", b"1")}, "m")
    assert (mine / "precious").read_bytes() == b"1"


def test_what_a_commit_needs_is_synced_before_master_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut master never names objects that are empty."""
    from dulwich.refs import DiskRefsContainer

    synced: set[Path] = set()
    moved = DiskRefsContainer.set_if_equals

    def move(*arguments: Any, **options: Any) -> bool:
        folder = tmp_path / "data/garments"
        needed = list((folder / ".dvc/cache").rglob("*"))
        needed += [path for path in (folder / ".git/objects").iterdir() if len(path.name) == 2]
        assert len(needed) > 8
        assert set(needed) <= synced
        return moved(*arguments, **options)

    monkeypatch.setattr("os.fsync", lambda handle: synced.add(Path(f"/proc/self/fd/{handle}").readlink()))
    monkeypatch.setattr(DiskRefsContainer, "set_if_equals", move)
    DvcStore(tmp_path / "data").put("garments", {"a": write(tmp_path / "a", b"1")}, "first")


def test_dvcs_memory_of_files_is_not_used(tmp_path: Path) -> None:
    """On a full disk it is written again and again, for ever."""
    DvcStore(tmp_path / "data").put("garments", {"a": write(tmp_path / "a", b"1")}, "first")
    assert list((tmp_path / "data").rglob("cache.db*")) == []


def test_a_repo_whose_first_put_failed_says_that_it_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DvcStore(tmp_path / "data")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(UnavailableError, match="cannot be written"):
            store.put("garments", {"a": write(tmp_path / "a", b"2")}, "second")
    for ask in (store.get, store.log):
        with pytest.raises(
            NotFoundError, match="garments: has no commit yet; fmnist data fetch, put or pull"
        ):
            ask("garments")


def test_what_the_disk_refuses_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DvcStore(tmp_path / "data")
    first = store.put("garments", {"a": write(tmp_path / "a", b"1")}, "first")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(UnavailableError, match=r"garments cannot be written: .*No space"):
            store.put("garments", {"a": write(tmp_path / "a", b"2")}, "second")
    assert store.log("garments") == [first]
    assert store.put("garments", {"a": tmp_path / "a"}, "second").parent == first.id
