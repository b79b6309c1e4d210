import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from fmnist.deployment.local import processes
from fmnist.errors import TimedOut, UnavailableError

FAMILY = """
import os, signal, sys, time
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
print("started", flush=True)
time.sleep(120)
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    processes.stop(processes.sessions(tmp_path), tmp_path, 0.0)


def _start(owner: Path, *arguments: str) -> int:
    log = owner / "logs" / "family.log"
    since = processes.size_of(log)
    command = [sys.executable, "-c", FAMILY, *arguments]
    session = processes.start(command, owner=owner, variables={"A": "b"}, cwd=owner, log=log)
    _wait(lambda: processes.tail(log, since).count("started") == 2)
    return session


def _wait(condition: Callable[[], bool]) -> None:
    processes.wait_until(condition, 20.0, "not met")


def test_a_server_has_a_session_of_its_own_and_outlives_its_parent(owner: Path) -> None:
    session = _start(owner)
    found = processes.members(session, owner)
    assert [process.pid for process in found][:1] == [session]
    assert len(found) == 2
    assert os.getsid(session) == session
    assert found[0].ppid() != os.getpid()
    assert processes.is_running(session, owner)
    assert processes.memory(found) > 1_000_000


def test_its_environment_is_what_it_was_given(owner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_WORKERS", "64")
    variables = processes.members(_start(owner), owner)[0].environ()
    assert variables["A"] == "b"
    assert variables[processes.OWNER] == str(owner.resolve())
    assert "GUNICORN_WORKERS" not in variables


@pytest.mark.parametrize("how", ["polite", "stubborn"])
def test_stopping_ends_the_whole_family(owner: Path, how: str) -> None:
    session, other = _start(owner, how), _start(owner)
    processes.stop([session], owner, 0.5)
    assert processes.members(session, owner) == []
    assert processes.sessions(owner) == [other]
    processes.stop([session], owner, 0.5)


def test_what_a_killed_first_process_left_is_found_and_stopped(owner: Path) -> None:
    session = _start(owner)
    os.kill(session, signal.SIGKILL)
    _wait(lambda: not processes.is_running(session, owner))
    assert processes.sessions(owner) == [session]
    processes.stop([session], owner, 2.0)
    assert processes.sessions(owner) == []


def test_a_process_of_somebody_else_with_that_number_is_left_alone(owner: Path) -> None:
    stranger = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        assert processes.members(stranger.pid, owner) == []
        processes.stop([stranger.pid], owner, 0.0)
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n", timeout=20)
    assert stranger.returncode == 0


def test_the_folder_may_be_named_by_another_path(owner: Path) -> None:
    other = owner / "link"
    other.symlink_to(owner)
    session = _start(other)
    assert processes.sessions(owner) == [session]


def test_the_log_keeps_the_output_of_all_starts(owner: Path) -> None:
    log = owner / "logs" / "family.log"
    _start(owner)
    since = processes.size_of(log)
    _start(owner)
    assert processes.tail(log, 0).count("started") == 4
    assert processes.tail(log, since).count("started") == 2
    assert processes.tail(log, 0, lines=1) == "started"
    assert processes.tail(owner / "none.log", 0) == ""


def test_a_command_that_cannot_be_run_says_why(owner: Path) -> None:
    with pytest.raises(UnavailableError, match=r"/nowhere/envoy could not be started: .*No such file"):
        processes.start(["/nowhere/envoy"], owner=owner, variables={}, cwd=owner, log=owner / "log")
    assert processes.sessions(owner) == []


def test_it_executes_once_it_has_started(owner: Path) -> None:
    for _ in range(20):
        session = processes.start(
            ["/bin/sleep", "60"], owner=owner, variables={}, cwd=owner, log=owner / "log"
        )
        assert processes.members(session, owner)[0].name() == "sleep"


def test_a_missing_folder_is_an_error(owner: Path) -> None:
    with pytest.raises(UnavailableError, match="could not be started"):
        processes.start(["true"], owner=owner, variables={}, cwd=owner / "no", log=owner / "log")


def test_a_taken_port_is_seen_with_its_listener() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not processes.is_free(port)
        assert processes.listens(port)
        assert f"(pid {os.getpid()})" in str(processes.listener(port))
    assert processes.is_free(port)
    assert not processes.listens(port)
    assert processes.listener(port) is None


def test_free_ports_are_free_and_different() -> None:
    ports = processes.free_ports(20)
    assert len(set(ports)) == 20
    assert all(processes.is_free(port) for port in ports)


def test_waiting_has_an_end() -> None:
    start = time.monotonic()
    with pytest.raises(TimedOut, match="it did not come within 0 s"):
        processes.wait_until(lambda: False, 0.1, "it did not come")
    assert time.monotonic() - start < 5


def test_a_process_that_ended_takes_no_memory() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    process = psutil.Process(ended.pid)
    ended.wait(20)
    assert processes.memory([process]) == 0
