"""Data repos through S3, as a person pushes and pulls them; the far end is moto's server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from fmnist.cli.data import data
from fmnist.data.dvc.remote_storage import open_remote
from fmnist.data.formats.idx import write_idx
from fmnist.data.synthetic import draw
from fmnist.errors import IntegrityError, NotFoundError, UnavailableError
from fmnist.settings import PROJECT
from tests.support.s3 import s3_server

REMOTE = "s3://garments/fmnist"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3") / "log") as address:
        yield address


@pytest.fixture(autouse=True)
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket at ``server``; the address of its objects."""
    requests.post(f"{server}/moto-api/reset", timeout=30).raise_for_status()
    requests.put(f"{server}/garments", timeout=30).raise_for_status()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server,
    }.items():
        monkeypatch.setenv(name, value)
    return f"{server}/garments"


class Machine:
    """A person's home, and the commands that they type."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._home = folder
        self._monkeypatch = monkeypatch

    def types(self, *arguments: str) -> str:
        self._monkeypatch.setenv("FMNIST_HOME", str(self._home))
        return CliRunner().invoke(data, arguments, catch_exceptions=False).stdout

    def puts(self, folder: Path, seed: int) -> None:
        garments = draw(20, seed=seed)
        folder.mkdir(exist_ok=True)
        (folder / "images-idx3-ubyte").write_bytes(write_idx(garments.images))
        (folder / "labels-idx1-ubyte").write_bytes(write_idx(garments.labels))
        self.types("put", "shoes", str(folder), "-m", f"seed {seed}")


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Machine, Machine]:
    return Machine(tmp_path / "one", monkeypatch), Machine(tmp_path / "two", monkeypatch)


def test_the_same_commits_elsewhere_and_what_is_new_later(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    one, two = machines
    for seed in (1, 2):
        one.puts(tmp_path / "files", seed)
        one.types("push", "shoes", "--remote", REMOTE)
        two.types("pull", "shoes", "--remote", REMOTE)
        assert two.types("log", "shoes", "--json") == one.types("log", "shoes", "--json")
    two.types("checkout", "shoes", "--to", str(tmp_path / "out"))
    for name in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "files" / name).read_bytes()


def test_a_damaged_object_is_never_taken(
    machines: tuple[Machine, Machine], tmp_path: Path, bucket: str
) -> None:
    one, two = machines
    one.puts(tmp_path / "files", 1)
    one.types("push", "shoes", "--remote", REMOTE)
    listed = requests.get(bucket, {"list-type": "2"}, timeout=30).text
    keys = [part.partition("</Key>")[0] for part in listed.split("<Key>")[1:]]
    key = next(key for key in keys if "/files/" in key and not key.endswith(".dir"))
    (tmp_path / "junk").write_bytes(b"junk")
    open_remote("s3://garments", PROJECT / ".dvc").write(key, tmp_path / "junk")
    with pytest.raises(IntegrityError, match=f"{key}: damaged"):
        two.types("pull", "shoes", "--remote", REMOTE)
    with pytest.raises(NotFoundError):
        two.types("log", "shoes")


def test_a_bucket_that_does_not_exist_is_told(machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    one, two = machines
    one.puts(tmp_path / "files", 1)
    with pytest.raises(UnavailableError, match="s3://nowhere/fmnist"):
        one.types("push", "shoes", "--remote", "s3://nowhere/fmnist")
    with pytest.raises(NotFoundError, match="shoes"):
        two.types("pull", "shoes", "--remote", REMOTE)
