"""A real Envoy in front of servers that the test makes."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from fmnist.deployment.local import gateway, loopback, processes
from fmnist.deployment.local.envoy import Address, Backend
from fmnist.deployment.local.processes import Sessions
from fmnist.deployment.local.state import RunningGateway
from fmnist.errors import UnavailableError
from tests.support.http import HttpServer, QuietHandler

ADDRESS = Address("default", "m", 1.0)


class Service:
    """Answers GET with its name and the path; a path that ends in ``wait`` waits to be let go."""

    def __init__(self, name: str) -> None:
        self.let_go, self.waiting = threading.Event(), threading.Event()
        service = self

        class Handler(QuietHandler, BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path.endswith("wait"):
                    service.waiting.set()
                    service.let_go.wait(20)
                self.reply(200, f"{name} {self.path}".encode())

        self._http = HttpServer(Handler)

    def backend(self, version: int, weight: int = 100) -> Backend:
        return Backend(version, self._http.port, 1, weight)

    def close(self) -> None:
        self.let_go.set()
        self._http.close()


@pytest.fixture
def services() -> Iterator[tuple[Service, Service]]:
    both = Service("old"), Service("new")
    yield both
    for service in both:
        service.close()


@pytest.fixture
def running(services: tuple[Service, Service], tmp_path: Path) -> Iterator[RunningGateway]:
    tmp_path.joinpath("gateway").mkdir()
    started = gateway.start(ADDRESS, [services[0].backend(1)], loopback.free_ports(1)[0], Sessions(tmp_path))
    yield started
    gateway.stop(started, Sessions(tmp_path))
    assert Sessions(tmp_path).running() == []
    assert loopback.is_free(started.port)


def _get(running: RunningGateway, path: str) -> requests.Response:
    return requests.get(f"{running.url}{path}", timeout=20)


def test_it_takes_the_prefix_away(running: RunningGateway) -> None:
    assert _get(running, "/api/v1.0/metadata?a=b").text == "old /api/v1.0/metadata?a=b"


def test_it_follows_without_a_restart(
    running: RunningGateway, services: tuple[Service, Service], tmp_path: Path
) -> None:
    old, new = services
    for before, after, name in (
        (old.backend(1), new.backend(2), "new"),
        (new.backend(2), old.backend(1), "old"),
    ):
        gateway.route(running, ADDRESS, [before], [after], Sessions(tmp_path))
        assert _get(running, "/x").text == f"{name} /x"


def test_who_is_dropped_answers_what_it_has(
    running: RunningGateway, services: tuple[Service, Service], tmp_path: Path
) -> None:
    old, new = services
    patient = Address("default", "m", None)
    gateway.route(running, patient, [], [old.backend(1)], Sessions(tmp_path))
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(_get, running, "/wait")
        assert old.waiting.wait(10)
        idle, taking = Backend(1, old.backend(1).http_port, 1, 0), new.backend(2)
        gateway.route(running, patient, [old.backend(1)], [idle, taking], Sessions(tmp_path))
        forgetting = pool.submit(gateway.drain, running, idle, [taking], 20.0, Sessions(tmp_path))
        assert _get(running, "/x").text == "new /x"
        assert not forgetting.done()
        old.let_go.set()
        forgetting.result(20)
        assert waiting.result(20).text == "old /wait"


def test_what_takes_too_long_is_a_504_in_seldons_format(running: RunningGateway) -> None:
    response = _get(running, "/wait")
    assert response.status_code == 504
    assert response.json()["status"]["reason"] == "TIMED_OUT"


def test_a_service_that_is_gone_is_a_503_in_seldons_format(
    running: RunningGateway, services: tuple[Service, Service]
) -> None:
    services[0].close()
    response = _get(running, "/x")
    assert (response.status_code, response.headers["content-type"]) == (503, "application/json")
    assert response.json()["status"]["code"] == 503


def test_a_broken_file_changes_nothing(running: RunningGateway, tmp_path: Path) -> None:
    routes = tmp_path / "gateway" / "routes.json"
    beside = routes.with_suffix(".new")
    beside.write_text(json.dumps({"version_info": "1", "resources": [{"@type": "no such type"}]}))
    beside.replace(routes)
    log = Path(running.log)
    processes.wait_until(lambda: "no such type" in processes.tail(log, 0), 10.0, "the file was not read")
    assert _get(running, "/x").text == "old /x"


def test_a_second_gateway_on_the_port_is_refused(running: RunningGateway, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=rf"port {running.port} is taken by envoy \(pid \d+\)"):
        gateway.start(ADDRESS, [], running.port, Sessions(tmp_path))
    assert gateway.is_running(running, Sessions(tmp_path))


def test_an_envoy_with_other_limits_is_not_current(running: RunningGateway, tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    assert gateway.is_current(running, sessions)
    bootstrap = tmp_path / "gateway" / "bootstrap.json"
    bootstrap.write_text(bootstrap.read_text().replace("request_timeout", "other"))
    assert not gateway.is_current(running, sessions)
    bootstrap.unlink()
    assert not gateway.is_current(running, sessions)
