import base64
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np
import pytest

from fmnist.errors import ConfigError, FmnistError, PayloadError, TimedOut, UnavailableError
from fmnist.serving.client import Client
from tests.support.http import HttpServer, QuietHandler

NAMES = ["Bag", "Dress"]
TAGS = {"model_version": "3"}
IMAGES = np.arange(2 * 784, dtype=np.uint32).astype(np.uint8).reshape(2, 28, 28)
GOOD: dict[str, Any] = {
    "data": {"names": NAMES, "tensor": {"shape": [2, 2], "values": [0.25, 0.75, 0.5, 0.5]}},
    "meta": {"tags": TAGS},
}


class Server:
    """Answers every POST with what the test put there, and keeps what came."""

    def __init__(self) -> None:
        self.status, self.body, self.seconds = 200, json.dumps(GOOD), 0.0
        self.path, self.received = "", dict[str, Any]()
        server = self

        class Handler(QuietHandler, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.path = self.path
                server.received = json.loads(self.rfile.read(int(self.headers["content-length"])))
                time.sleep(server.seconds)
                self.reply(server.status, server.body.encode())

        self._http = HttpServer(Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.port}/seldon/default/m/"

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


def test_images_go_as_a_tensor_and_come_back_as_predictions(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with Client(server.url) as client:
        answer = client.predict(IMAGES)
    assert server.path == "/seldon/default/m/api/v1.0/predictions"
    tensor = server.received["data"]["tensor"]
    assert tensor["shape"] == [2, 28, 28]
    assert tensor["values"] == IMAGES.ravel().tolist()
    assert [one.label for one in answer.predictions] == ["Dress", "Bag"]
    assert answer.predictions[0].probability == 0.75
    assert answer.tags == TAGS


def test_a_file_goes_as_it_is(server: Server) -> None:
    server.body = json.dumps({"data": {"names": NAMES, "ndarray": [[0.9, 0.1]]}, "meta": {"tags": TAGS}})
    with Client(server.url) as client:
        answer = client.predict_file(b"\x89PNG...")
    assert base64.b64decode(server.received["strData"]) == b"\x89PNG..."
    assert answer.predictions[0].probabilities == {"Bag": 0.9, "Dress": 0.1}


def _error(reason: str, info: str) -> str:
    return json.dumps({"status": {"code": -1, "info": info, "reason": reason, "status": 1}})


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (400, _error("BAD_SHAPE", "expected 784 pixels"), PayloadError, "BAD_SHAPE: expected 784 pixels"),
        (413, _error("TOO_LARGE", "too large"), PayloadError, "413 TOO_LARGE"),
        (404, _error("NOT_FOUND", "nothing is served"), UnavailableError, "http://127.*NOT_FOUND"),
        (503, "upstream connect error", UnavailableError, "503 NO_REASON: upstream"),
        (500, "[]", UnavailableError, "500 NO_REASON"),
        (504, _error("TIMED_OUT", "too long"), TimedOut, "504 TIMED_OUT"),
        (401, "who are you?", UnavailableError, "401 NO_REASON: who"),
        (200, "<html>", UnavailableError, "the response is no prediction"),
        (200, "{}", UnavailableError, "the response is no prediction"),
        (
            200,
            json.dumps({**GOOD, "data": {**GOOD["data"], "names": ["Bag"]}}),
            UnavailableError,
            "is no prediction",
        ),
    ],
)
def test_every_failure_is_one_of_ours(
    server: Server, status: int, body: str, kind: type[FmnistError], says: str
) -> None:
    server.status, server.body = status, body
    with Client(server.url) as client, pytest.raises(kind, match=says) as error:
        client.predict(IMAGES)
    if isinstance(error.value, PayloadError):
        assert error.value.http_status == status


def test_a_server_that_is_not_there_is_named(server: Server) -> None:
    server.close()
    with Client(server.url) as client, pytest.raises(UnavailableError, match=r"connection failed.*make up"):
        client.predict(IMAGES)


@pytest.mark.parametrize(
    "end",
    [
        "",
        "/",
        "//",
        "/api/v1.0/predictions",
        "/api/v1.0/predictions/",
        "/api/v0.1/predictions",
        "/api/v1.0/doc/",
        "/api/v1.0/health/status",
        "/predict",
        "/api/v1.0/predictions?x=1",
    ],
)
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_the_address_may_be_given_as_it_was_pasted(server: Server, scheme: str, end: str) -> None:
    with Client(scheme + server.url.removeprefix("http://").rstrip("/") + end) as client:
        client.predict(IMAGES)
    assert server.path == "/seldon/default/m/api/v1.0/predictions"


@pytest.mark.parametrize(
    "url",
    ["", "http://", "http:///x", "ftp://host/x", "http://[::1", "http://host:port/x", "host:70000", "://x"],
)
def test_what_is_no_address_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match="expected an address such as http://"):
        Client(url)


def test_no_password_is_shown(server: Server) -> None:
    server.close()
    with (
        Client(server.url.replace("//", "//ada:Gr4nite@")) as client,
        pytest.raises(UnavailableError) as error,
    ):
        client.predict(IMAGES)
    assert "ada:***@127.0.0.1" in str(error.value)
    assert "Gr4nite" not in str(error.value)
    with pytest.raises(ConfigError, match=r"ada:\*\*\*@host") as wrong:
        Client("ada:Gr4nite@host:x")
    assert "Gr4nite" not in str(wrong.value)


def test_another_machines_gateway_is_not_started_here() -> None:
    with Client("http://gateway.invalid") as client, pytest.raises(UnavailableError) as error:
        client.predict(IMAGES)
    assert "make up" not in str(error.value)


def test_a_slow_server_is_not_waited_for_for_ever(server: Server) -> None:
    server.seconds = 1.0
    with Client(server.url, seconds=0.1) as client, pytest.raises(TimedOut, match="no response within"):
        client.predict(IMAGES)
