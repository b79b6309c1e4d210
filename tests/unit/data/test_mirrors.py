import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist.core.fashion_mnist import OfficialFile
from fmnist.data import mirrors
from fmnist.data.mirrors import download
from fmnist.errors import UnavailableError
from tests.support.mirror import Mirror, serving

CONTENT = {"images.gz": bytes(range(256)) * 400, "labels.gz": b"labels" * 100}
FILES = tuple(
    OfficialFile(name, len(content), hashlib.sha256(content).hexdigest(), "")
    for name, content in CONTENT.items()
)
IMAGES = len(CONTENT["images.gz"])


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "PAUSE_SECONDS", 0.001)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving(CONTENT) as mirror:
        yield mirror


@pytest.fixture
def other() -> Iterator[Mirror]:
    with serving(CONTENT) as mirror:
        yield mirror


def quiet(_: str) -> None:
    pass


def assert_whole(folder: Path) -> None:
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT


def test_files_come_and_are_not_asked_for_again(tmp_path: Path, mirror: Mirror) -> None:
    folder = tmp_path / "cache"
    download(FILES, folder, [mirror.address], quiet)
    assert_whole(folder)
    mirror.asked.clear()
    download(FILES, folder, [mirror.address], quiet)
    assert mirror.asked == []


def test_a_damaged_file_is_replaced(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "labels.gz").write_bytes(b"labelz" * 100)
    download(FILES, tmp_path, [mirror.address], quiet)
    assert_whole(tmp_path)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again(tmp_path: Path, mirror: Mirror, status: int) -> None:
    mirror.failures, mirror.status = 2, status
    download(FILES, tmp_path, [mirror.address], quiet)
    assert_whole(tmp_path)


def test_a_mirror_without_the_file_is_asked_once(tmp_path: Path, mirror: Mirror, other: Mirror) -> None:
    mirror.files.clear()
    download(FILES, tmp_path, [mirror.address, other.address], quiet)
    assert_whole(tmp_path)
    assert len(mirror.asked) == len(FILES)


@pytest.mark.parametrize("announces_length", [True, False])
@pytest.mark.parametrize(
    "wrong", [b"x" * IMAGES, b"x" * (IMAGES + 1), b"<html>welcome to the hotel</html>", b""], ids=len
)
def test_wrong_bytes_are_dropped_and_the_next_mirror_asked(
    tmp_path: Path, mirror: Mirror, other: Mirror, wrong: bytes, announces_length: bool
) -> None:
    mirror.files["images.gz"] = wrong
    mirror.announces_length = announces_length
    said: list[str] = []
    download(FILES, tmp_path, [mirror.address, other.address], said.append)
    assert_whole(tmp_path)
    assert mirror.address in said[0]


def test_when_all_fail_each_mirror_and_reason_is_named_and_nothing_is_kept(
    tmp_path: Path, mirror: Mirror, other: Mirror
) -> None:
    mirror.files.clear()
    other.cut = 100
    reasons = rf"images.gz .*{mirror.address}: 404 .*{other.address}: "
    with pytest.raises(UnavailableError, match=reasons):
        download(FILES, tmp_path, [mirror.address, other.address], quiet)
    assert list(tmp_path.iterdir()) == []
    assert (len(mirror.asked), len(other.asked)) == (1, 3)


def test_progress_is_reported(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "_PROGRESS_SECONDS", 0)
    said: list[str] = []
    download(FILES, tmp_path, [mirror.address], said.append)
    assert "  images.gz: 0.1 of 0.1 MB" in said


def test_a_slow_transfer_is_given_up(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "ATTEMPT_SECONDS", 0)
    with pytest.raises(UnavailableError, match=r"images.gz .*not complete after 0 s"):
        download(FILES, tmp_path, [mirror.address], quiet)


def test_a_dead_network_is_given_up_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "READ_SECONDS", 0.5)
    with socket.socket() as silent, socket.socket() as closed:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        closed.bind(("127.0.0.1", 0))
        dead = [f"http://127.0.0.1:{s.getsockname()[1]}" for s in (silent, closed)] + [
            "http://nowhere.invalid"
        ]
        begun = time.monotonic()
        with pytest.raises(UnavailableError, match=r"images.gz could not be downloaded: .*nowhere\.invalid"):
            download(FILES, tmp_path, dead, quiet)
        assert time.monotonic() - begun < 10
    assert list(tmp_path.iterdir()) == []
