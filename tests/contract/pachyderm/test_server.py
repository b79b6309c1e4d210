"""A server that is away, hangs, is none, wants a token or speaks TLS: the error says what to do."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
import pytest

from fmnist.clients.pachyderm.connection import Connection, Deadlines
from fmnist.data.pachyderm.doctor import Doctor
from fmnist.data.pachyderm.store import PachydermStore
from fmnist.errors import ConfigError, FmnistError, InputError, NotFoundError, TimedOut, UnavailableError
from fmnist.settings.pachd_address import Pachd
from tests.support.files import Files
from tests.support.pachd.server import PachdServer, serving
from tests.support.pachd.state import Refusal
from tests.support.pachd.target import Target
from tests.support.pachd.tls import Authority

# gRPC counts them from a clock that is up to two seconds off on some virtual machines.
SHORT = Deadlines(call=4, wait=4, transfer=4, listen=4)
SHORTER = Deadlines(call=2.5, wait=2.5, transfer=2.5, listen=2.5)
"""For calls that never end well."""
TOKEN = "f4d1c2b3a4958677"


def store_at(pachd: Pachd, folder: Path, deadlines: Deadlines | None = None) -> PachydermStore:
    return PachydermStore(Connection(pachd, deadlines), folder / "sums")


@pytest.fixture
def closed() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_nobody_listens(closed: int, tmp_path: Path) -> None:
    with pytest.raises(
        UnavailableError, match=f"data repo x: grpc://127.0.0.1:{closed} says UNAVAILABLE.*is pachd up"
    ):
        store_at(Pachd("127.0.0.1", closed), tmp_path).get("x")


def test_a_name_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"pachd\.invalid.*PACHD_ADDRESS right"):
        store_at(Pachd("pachd.invalid", 30650), tmp_path).get("x")


def test_behind_a_socks_proxy_the_port_forward_is_named(tmp_path: Path) -> None:
    pachd = Pachd("pachd.invalid", 30650, socks_proxy="http_proxy=socks5://127.0.0.1:9999")
    with pytest.raises(UnavailableError) as caught:
        store_at(pachd, tmp_path).get("x")
    assert "http_proxy=socks5://127.0.0.1:9999 cannot carry gRPC" in str(caught.value)
    assert "kubectl port-forward service/pachd 30650:30650" in str(caught.value)
    assert "PACHD_ADDRESS=grpc://127.0.0.1:30650" in str(caught.value)


def test_a_proxy_is_no_hindrance_to_a_forwarded_port(
    target: Target, tmp_path: Path, closed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed}")
    for name in ("no_proxy", "no_grpc_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert Doctor(target.connection()).examine([]).findings == ()


def test_a_server_that_never_speaks(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pachd = Pachd("127.0.0.1", listener.getsockname()[1])
        with pytest.raises((TimedOut, UnavailableError), match="data repo x"):
            store_at(pachd, tmp_path, SHORTER).get("x")


@pytest.fixture
def web_server() -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_web_server(web_server: int, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="data repo x"):
        store_at(Pachd("127.0.0.1", web_server), tmp_path, SHORT).get("x")


@pytest.fixture
def server() -> Iterator[PachdServer]:
    with serving() as server:
        yield server


def test_a_server_that_hangs(server: PachdServer, tmp_path: Path, files: Files) -> None:
    store, hasty = store_at(server.pachd, tmp_path), store_at(server.pachd, tmp_path, SHORTER)
    commit = store.put("garments", files(a=b"1"), "m")
    server.faults.hanging.set()
    with ThreadPoolExecutor(2) as threads:
        asked: list[Future[Any]] = [
            threads.submit(hasty.log, "garments"),
            threads.submit(hasty.put, "garments", files(a=b"2"), "m"),
        ]
    for one in asked:
        with pytest.raises(TimedOut, match=r"garments.*DEADLINE_EXCEEDED"):
            one.result()
    server.faults.hanging.clear()
    assert store.log("garments") == [commit]


@pytest.mark.parametrize(
    ("code", "details", "expected", "said"),
    [
        ("NOT_FOUND", "repo default/garments not found", NotFoundError, "repo default/garments not found"),
        ("ALREADY_EXISTS", "repo default/garments already exists", InputError, "already exists"),
        ("INVALID_ARGUMENT", "value length must be at least 1", InputError, "value length"),
        ("UNKNOWN", "name (a b) invalid: only alphanumeric characters", InputError, r"name \(a b\) invalid"),
        ("UNKNOWN", "commit default/garments@1 has already finished", UnavailableError, "already finished"),
        (
            "UNIMPLEMENTED",
            "Received http2 header with status: 404",
            ConfigError,
            "no pachd that fmnist knows",
        ),
        (
            "RESOURCE_EXHAUSTED",
            "grpc: received message larger than max",
            UnavailableError,
            "smaller messages",
        ),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", TimedOut, "is pachd up"),
        ("UNAVAILABLE", "Stream removed", UnavailableError, "is pachd up"),
        ("INTERNAL", "internal server error", UnavailableError, "internal server error"),
    ],
)
def test_every_refusal_is_one_of_ours(
    server: PachdServer,
    tmp_path: Path,
    files: Files,
    code: str,
    details: str,
    expected: type[FmnistError],
    said: str,
) -> None:
    server.faults.refusals["CreateRepo"] = [Refusal(grpc.StatusCode[code], details)]
    with pytest.raises(expected, match=f"creating garments: .*{code}.*{said}") as caught:
        store_at(server.pachd, tmp_path).put("garments", files(a=b"1"), "m")
    assert type(caught.value) is expected


def test_an_error_that_the_client_hides_is_found(server: PachdServer, tmp_path: Path, files: Files) -> None:
    store = store_at(server.pachd, tmp_path)
    commit = store.put("garments", files(a=b"1"), "m")
    server.faults.refusals["GetFile"] = [Refusal(grpc.StatusCode.NOT_FOUND, "file /a not found in repo")]
    with pytest.raises(NotFoundError, match=f"{commit.id}: a: .*file /a not found in repo"):
        store.read(commit, "a")


def test_a_server_that_asks_for_a_token(server: PachdServer, tmp_path: Path, files: Files) -> None:
    server.doors.roles = {TOKEN: (), "reader": ("ModifyFile",)}
    with pytest.raises(
        ConfigError, match=r"no authentication token.*AUTH_TOKEN is not set; pachctl auth get-"
    ):
        store_at(server.pachd, tmp_path).get("garments")
    with pytest.raises(ConfigError, match=r"corrupted or has expired.*AUTH_TOKEN is refused"):
        store_at(replace(server.pachd, token="no"), tmp_path).get("garments")
    with pytest.raises(ConfigError, match=r"REPO_WRITE.*pachctl auth set repo"):
        store_at(replace(server.pachd, token="reader"), tmp_path).put("garments", files(a=b"1"), "m")
    mine = replace(server.pachd, token=TOKEN)
    commit = store_at(mine, tmp_path).put("garments", files(a=b"1"), "m")
    assert store_at(mine, tmp_path).get("garments") == commit
    assert Doctor(Connection(mine)).examine(["garments"]).user == "robot:fmnist-ci"
    with pytest.raises(ConfigError, match="not set"):
        Doctor(Connection(server.pachd)).examine(["garments"])
    assert TOKEN not in repr(mine)


def test_tls_with_an_authority_of_ones_own(tmp_path: Path, files: Files) -> None:
    authority = Authority(tmp_path)
    with serving(authority.credentials("localhost")) as server:
        trusted = replace(server.pachd, authorities=authority.certificate)
        commit = store_at(trusted, tmp_path).put("garments", files(a=b"1"), "m")
        assert store_at(trusted, tmp_path).read(commit, "a") == b"1"
        with pytest.raises(UnavailableError, match=r"speak TLS.*PACHD_CA_FILE"):
            store_at(server.pachd, tmp_path, SHORT).get("garments")
        with pytest.raises(UnavailableError):
            store_at(replace(server.pachd, tls=False), tmp_path, SHORT).get("garments")


def test_tls_where_the_server_speaks_none(server: PachdServer, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="speak TLS"):
        store_at(replace(server.pachd, tls=True), tmp_path, SHORT).get("garments")
