"""The real ``seldon-core-microservice`` on free ports of 127.0.0.1; nothing of it is left afterwards."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from fmnist.settings import PROJECT

SERVE = PROJECT / ".venv-serve" / "bin"
READY_SECONDS = 60
STOP_SECONDS = 10


@dataclass(frozen=True)
class Microservice:
    """Its addresses; ``session`` is the id of the session that all its processes are in."""

    rest: str
    grpc: str
    metrics: str
    session: int
    log: Path
    ready_seconds: float

    @property
    def predictions(self) -> str:
        return f"{self.rest}/api/v1.0/predictions"

    def processes(self) -> list[psutil.Process]:
        return processes_of(self.session)


def processes_of(session: int) -> list[psutil.Process]:
    """All processes of a session that are not zombies."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return found


@contextmanager
def microservice(bundle: Path, log: Path, *, version: str = "3", threads: int = 4) -> Iterator[Microservice]:
    """Serve ``bundle``; ready by REST and gRPC inside the block. Fails if a process outlives it."""
    start = time.monotonic()
    rest, grpc, metrics = _free_ports(3)
    process = start_process(bundle, log, version=version, threads=threads, ports=(rest, grpc, metrics))
    try:
        _wait_until_ready(process, rest, grpc, log)
        yield Microservice(
            rest=f"http://127.0.0.1:{rest}",
            grpc=f"127.0.0.1:{grpc}",
            metrics=f"http://127.0.0.1:{metrics}/prometheus",
            session=process.pid,
            log=log,
            ready_seconds=time.monotonic() - start,
        )
    finally:
        stop(process)
    assert processes_of(process.pid) == []


def start_process(
    bundle: Path,
    log: Path,
    *,
    version: str = "3",
    threads: int = 4,
    ports: tuple[int, int, int] | None = None,
) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, without waiting; ``ports`` are REST's, gRPC's and metrics'."""
    rest, grpc, metrics = ports or _free_ports(3)
    parameters = [
        {"name": "bundle", "value": str(bundle), "type": "STRING"},
        {"name": "version", "value": version, "type": "STRING"},
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "FMNIST_LISTEN_HOST": "127.0.0.1",
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": str(rest),
        "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": str(grpc),
        "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": str(metrics),
        "PREDICTIVE_UNIT_METRICS_ENDPOINT": "/prometheus",
        "PREDICTIVE_UNIT_PARAMETERS": json.dumps(parameters),
        "GUNICORN_THREADS": str(threads),
        "INCLUDE_METRICS_IN_CLIENT_RESPONSE": "false",
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_TRIM_THRESHOLD_": "1048576",
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            [SERVE / "seldon-core-microservice", "FashionClassifier", "--service-type", "MODEL"],
            cwd=PROJECT / "deploy",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole group to end, then make it."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        try:
            os.killpg(process.pid, signum)
        except ProcessLookupError:
            break
        while processes_of(process.pid) and time.monotonic() < deadline:
            process.poll()
            time.sleep(0.05)
    process.wait(STOP_SECONDS)


def _wait_until_ready(process: subprocess.Popen[bytes], rest: int, grpc: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"ended with {process.returncode}:\n{log.read_text()[-3000:]}"
        if _healthy(rest) and _listens(grpc):
            return
        time.sleep(0.05)
    raise AssertionError(f"not ready in {READY_SECONDS} s:\n{log.read_text()[-3000:]}")


def _healthy(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/api/v1.0/health/status", timeout=5).ok
    except requests.RequestException:
        return False


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
