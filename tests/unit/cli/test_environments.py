"""The short path - put data, register, list, record a run - in the environments that people have."""

import errno
import io
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fmnist.cli import main
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import TRAIN
from fmnist.data.formats.idx import write_idx
from fmnist.settings import from_environment
from fmnist.tracking.base import EpochReport
from fmnist.wiring import open_run
from tests.support.bundles import make_bundle
from tests.support.drawing import some_data

_NAMES_OF_USERS = ("LOGNAME", "USER", "LNAME", "USERNAME")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and a checkpoint."""
    folder = tmp_path_factory.mktemp("inputs")
    data: Dataset = some_data(30)
    (folder / "images").mkdir()
    for file, array in ((TRAIN.images, data.images), (TRAIN.labels, data.labels)):
        (folder / "images" / file.name).write_bytes(write_idx(array))
    make_bundle(folder / "checkpoint")
    return folder


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("L", (2, 2)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """What commands set for this process goes with the test."""
    for name in ("HOME", *_NAMES_OF_USERS):
        monkeypatch.setenv(name, os.environ.get(name, "somebody"))


def _run(*words: str | Path) -> int:
    try:
        main.main(args=list(map(str, words)))
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _walk(home: Path, inputs: Path, shown: Callable[[], str]) -> None:
    assert _run("data", "put", TRAIN.repo, inputs / "images") == 0
    assert _run("models", "register", inputs / "checkpoint") == 0
    assert _run("models", "list") == 0
    assert "fashion-classifier" in shown()
    with open_run(from_environment(), "tries") as run:
        run.start({"seed": 1})
        run.report(EpochReport(1, 1, 1, {"loss": 1.0}, {"accuracy": 0.5}, {"confusion": _png()}))
        run.finish(inputs / "checkpoint")
    assert list((home / "artifacts/runs/tries").rglob("epoch-001.png"))


@pytest.mark.parametrize("name", ["feature%2Flogin", "A%41 q?x;p#", "größe it's"])
def test_any_path_of_the_home(
    name: str,
    tmp_path: Path,
    inputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path / name / "home"
    monkeypatch.setenv("FMNIST_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    _walk(home, inputs, lambda: capsys.readouterr().out)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in (tmp_path / name).iterdir()] == ["home"]


def test_a_user_id_without_a_passwd_entry_and_home(
    tmp_path: Path, inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(number: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", *_NAMES_OF_USERS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    _walk(tmp_path / "home", inputs, lambda: capsys.readouterr().out)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("FMNIST_HOME", "FILE", "is a file"),
        ("FMNIST_HOME", "~nobody-here/x", "a user without a home folder"),
        ("FMNIST_TRACKING_URI", "postgres:/foo", "expected sqlite:"),
        ("FMNIST_TRACKING_URI", "sqlite://x.db", "expected sqlite:"),
        ("FMNIST_TRACKING_URI", "sqlite:///", "expected sqlite:"),
        ("FMNIST_TRACKING_URI", "http://mlflow:5000", "expected sqlite:"),
        ("FMNIST_TRACKING_URI", "mysql://ada:hidden@host/db", "expected sqlite:"),
        ("FMNIST_TRACKING_URI", "postgresql://ada:hidden@host:99999/db", "expected sqlite:"),
        ("FMNIST_CATALOGUE_URI", "postgresql://ada:hidden@127.0.0.1:abc/db", "expected sqlite:"),
        ("FMNIST_CATALOGUE_URI", "nonsense", "expected sqlite:"),
        ("FMNIST_CHECKPOINT_STORAGE", "ftp://ada:hidden@host/x", "expected a folder, s3://"),
        ("FMNIST_CHECKPOINT_STORAGE", "s3://", "expected a folder, s3://"),
        ("FMNIST_CHECKPOINT_STORAGE", "gs:///folder", "expected a folder, s3://"),
        ("PACHD_ADDRESS", "grpc://ada:hidden@host:30650", "expected grpc://HOST:PORT"),
        ("DET_MASTER", "ftp://ada:hidden@host", "expected http://HOST:PORT"),
        ("DET_MASTER", "http://ada:hidden@host", "must not contain username"),
        ("DET_MASTER", "http://[::1", "Invalid IPv6"),
    ],
)
def test_a_broken_variable_is_one_line(
    variable: str,
    value: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(variable, value.replace("FILE", str(tmp_path / "file")))
    monkeypatch.setenv("NO_COLOR", "1")
    assert _run("models", "list") == 5
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"fmnist: {variable}=")
    assert says in last
    assert "hidden" not in last


def test_a_deleted_folder_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert _run("models", "list") == 5
    assert capsys.readouterr().err == "fmnist: the current folder was deleted; cd to another one\n"


class _FullDevice(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_device_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "stdout", _FullDevice())
    assert _run("models", "list") == 9
    assert "No space left on device" in capsys.readouterr().err.splitlines()[-1]
