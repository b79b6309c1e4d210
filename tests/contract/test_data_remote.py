"""What every data remote promises: the same commits elsewhere, or nothing changed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist.data.base import DataRemote
from fmnist.data.dvc.remote import DvcRemote
from fmnist.data.dvc.remote_storage import open_remote
from fmnist.data.dvc.store import DvcStore
from fmnist.errors import ConfigError, InputError, IntegrityError, NotFoundError, UnavailableError
from fmnist.settings import PROJECT


class Machine:
    """A store of its own, and the remote that all machines of a test share."""

    def __init__(self, folder: Path, shared: Path) -> None:
        self.store = DvcStore(folder / "data")
        self.remote: DataRemote = DvcRemote(self.store, open_remote(str(shared), PROJECT / ".dvc"))
        self._folder = folder

    def put(self, **contents: bytes) -> str:
        files = {}
        for name, content in contents.items():
            files[name] = self._folder / name
            files[name].write_bytes(content)
        return self.store.put("garments", files, "m").id

    def ids(self) -> list[str]:
        return [commit.id for commit in self.store.log("garments")]


NewMachine = Callable[[str], Machine]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "shared"


@pytest.fixture
def machine(tmp_path: Path, shared: Path) -> NewMachine:
    def new(name: str) -> Machine:
        (tmp_path / name).mkdir(exist_ok=True)
        return Machine(tmp_path / name, shared)

    return new


def objects(shared: Path) -> list[Path]:
    return sorted(path for path in (shared / "garments/files").rglob("*") if path.is_file())


def test_a_fresh_machine_gets_the_same_commits(machine: NewMachine) -> None:
    one, two = machine("one"), machine("two")
    first, second = one.put(a=b"1" * 1000, b=b""), one.put(a=b"2" * 1000)
    sent = one.remote.push("garments")
    assert (sent.head, sent.commits, sent.files) == (second, 2, 3)
    got = two.remote.pull("garments")
    assert (got.head, got.commits, got.files) == (second, 2, 3)
    assert two.store.log("garments") == one.store.log("garments")
    assert two.store.read(two.store.get("garments", first), "a") == b"1" * 1000
    assert two.store.read(two.store.get("garments", first), "b") == b""
    assert (two.store.folder("garments") / "files/a").read_bytes() == b"2" * 1000


def test_both_ways_and_again(machine: NewMachine, shared: Path) -> None:
    one, two = machine("one"), machine("two")
    one.put(a=b"1")
    one.remote.push("garments")
    before = {path: path.stat().st_mtime_ns for path in shared.rglob("*") if path.is_file()}
    again = one.remote.push("garments")
    assert (again.commits, again.files) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in before if path.suffix != ".lock"} == {
        path: time for path, time in before.items() if path.suffix != ".lock"
    }
    two.remote.pull("garments")
    newest = two.put(a=b"2")
    assert two.remote.pull("garments").commits == 0
    assert two.remote.push("garments").commits == 1
    behind = one.remote.push("garments")
    assert (behind.head, behind.commits, behind.files) == (newest, 0, 0)
    assert one.remote.pull("garments").commits == 1
    assert one.ids() == two.ids()


def test_histories_that_parted_are_refused_both_ways(machine: NewMachine) -> None:
    one, two = machine("one"), machine("two")
    one.put(a=b"1")
    one.remote.push("garments")
    two.put(a=b"other")
    ids = two.ids()
    for verb in (two.remote.push, two.remote.pull):
        with pytest.raises(InputError, match=r"garments: the histories .* have diverged.*move .* away"):
            verb("garments")
    assert two.ids() == ids
    assert machine("three").remote.pull("garments").head == one.ids()[0]


def test_what_is_lost_at_either_end_is_put_in_place(machine: NewMachine, shared: Path) -> None:
    one, two = machine("one"), machine("two")
    commit = one.put(a=b"1" * 100)
    one.remote.push("garments")
    for path in objects(shared):
        path.unlink()
    with pytest.raises(IntegrityError, match=r"garments/files/md5.*missing.*push again"):
        two.remote.pull("garments")
    assert one.remote.push("garments").files == 1
    two.remote.pull("garments")
    for path in (two.store.folder("garments") / ".dvc/cache").rglob("*"):
        if path.is_file():
            path.unlink()
    assert two.remote.pull("garments").files == 1
    assert two.store.read(two.store.get("garments", commit), "a") == b"1" * 100


@pytest.mark.parametrize("damage", [b"", b"junk", b"1" * 99 + b"2"])
def test_a_damaged_object_is_never_taken(machine: NewMachine, shared: Path, damage: bytes) -> None:
    one, two = machine("one"), machine("two")
    commit = one.put(a=b"1" * 100)
    one.remote.push("garments")
    (path,) = (path for path in objects(shared) if path.suffix != ".dir")
    path.write_bytes(damage)
    with pytest.raises(IntegrityError, match=f"{path}: damaged; delete what is there and push again"):
        two.remote.pull("garments")
    with pytest.raises(NotFoundError):
        two.store.log("garments")
    path.unlink()
    one.remote.push("garments")
    assert two.remote.pull("garments").head == commit


@pytest.mark.parametrize("keep", [0, 30, 200, -40])
def test_a_damaged_history_is_never_taken(machine: NewMachine, shared: Path, keep: int) -> None:
    one, two = machine("one"), machine("two")
    one.put(a=b"1")
    one.remote.push("garments")
    history = shared / "garments/history.bundle"
    history.write_bytes(history.read_bytes()[:keep])
    for verb in (two.remote.pull, one.remote.push):
        with pytest.raises(IntegrityError, match=r"history\.bundle: this history is damaged"):
            verb("garments")
    assert not (two.store.folder("garments")).exists()


def test_what_is_not_there_is_not_found(machine: NewMachine, shared: Path) -> None:
    one = machine("one")
    with pytest.raises(NotFoundError, match="no data repo garments"):
        one.remote.push("garments")
    with pytest.raises(NotFoundError, match=r"no data repo garments in .*shared; push it there first"):
        one.remote.pull("garments")
    assert not shared.exists()


def test_a_damaged_file_is_not_sent(machine: NewMachine, shared: Path) -> None:
    one = machine("one")
    one.put(a=b"1" * 100)
    for path in (one.store.folder("garments") / ".dvc/cache").rglob("*"):
        if path.is_file() and path.suffix != ".dir":
            path.chmod(0o644)
            path.write_bytes(b"2" * 100)
    with pytest.raises(IntegrityError, match="put the same files again"):
        one.remote.push("garments")
    assert not (shared / "garments").exists()


def test_a_remote_that_cannot_be_written_is_unavailable(machine: NewMachine, shared: Path) -> None:
    one = machine("one")
    one.put(a=b"1")
    shared.mkdir()
    (shared / "garments").write_bytes(b"a file is in the way")
    with pytest.raises(UnavailableError, match=f"remote {shared}"):
        one.remote.push("garments")


_PUSHES_AND_DIES = """
import os, signal, sys
from pathlib import Path
from fmnist.data.dvc import remote
from tests.contract.test_data_remote import Machine

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(remote.DvcRemote, sys.argv[3], die)
getattr(Machine(Path(sys.argv[1]), Path(sys.argv[2])).remote, sys.argv[4])("garments")
"""


@pytest.mark.parametrize(("verb", "step"), [("push", "_publish"), ("pull", "_receive")])
def test_killed_half_way_nothing_is_visible(
    machine: NewMachine, shared: Path, tmp_path: Path, verb: str, step: str
) -> None:
    one, two = machine("one"), machine("two")
    commit = one.put(a=b"1")
    if verb == "pull":
        one.remote.push("garments")
    folder = tmp_path / ("one" if verb == "push" else "two")
    done = subprocess.run(
        [sys.executable, "-c", _PUSHES_AND_DIES, str(folder), str(shared), step, verb],
        cwd=PROJECT,
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with pytest.raises(NotFoundError):
        two.remote.pull("garments") if verb == "push" else two.store.log("garments")
    one.remote.push("garments")
    assert two.remote.pull("garments").head == commit


def test_a_remote_is_a_folder_a_name_or_a_url_with_a_plugin(tmp_path: Path) -> None:
    dvc = tmp_path / ".dvc"
    dvc.mkdir()
    with pytest.raises(ConfigError, match="no remote to use: give --remote FOLDER"):
        open_remote(None, dvc)
    with pytest.raises(ConfigError, match="dvc-gs"):
        open_remote("gs://bucket/folder", dvc)
    for broken in ("://x", "1://x", "http://[::1", "~nobody-of-this-name/x"):
        with pytest.raises(ConfigError, match=re.escape(f"remote {broken}: ")):
            open_remote(broken, dvc)
    (dvc / "config").write_text("[core]\n remote = store\n['remote \"store\"']\n url = ../kept\n")
    assert Path(open_remote(None, dvc).address) == tmp_path / "kept"
    assert Path(open_remote("store", dvc).address) == tmp_path / "kept"
    assert Path(open_remote(str(tmp_path / "x"), dvc).address) == tmp_path / "x"
