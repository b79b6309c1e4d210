import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from fmnist.deployment.local import processes
from fmnist.deployment.local.processes import Sessions
from fmnist.errors import TimedOut, UnavailableError

FAMILY = """
import os, signal, sys, time
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
print("started", flush=True)
time.sleep(120)
"""


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    sessions = Sessions(tmp_path)
    yield sessions
    sessions.stop(sessions.running(), 0.0)


def _start(sessions: Sessions, *arguments: str) -> int:
    log = sessions.folder / "logs" / "family.log"
    since = processes.size_of(log)
    command = [sys.executable, "-c", FAMILY, *arguments]
    session = sessions.start(command, variables={"A": "b"}, cwd=sessions.folder, log=log)
    _wait(lambda: processes.tail(log, since).count("started") == 2)
    return session


def _wait(condition: Callable[[], bool]) -> None:
    processes.wait_until(condition, 20.0, "not met")


def test_a_server_has_a_session_of_its_own(sessions: Sessions) -> None:
    session = _start(sessions)
    members = sessions.members(session)
    assert [process.pid for process in members][:1] == [session]
    assert len(members) == 2
    assert os.getsid(session) == session
    assert sessions.is_running(session)
    assert processes.memory(members) > 1_000_000


STARTER = """
import os, sys, time
from pathlib import Path
from fmnist.deployment.local.processes import Sessions
folder = Path(sys.argv[1])
print(Sessions(folder).start(["/bin/sleep", "60"], variables={}, cwd=folder, log=folder / "log"), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_server_outlives_the_process_group_that_started_it(
    sessions: Sessions, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(sessions.folder)],
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        session = int(starter.stdout.readline())
        os.killpg(starter.pid, number)
    (server,) = sessions.members(session)
    _wait(lambda: server.ppid() != starter.pid)
    assert sessions.is_running(session)


def test_a_server_that_ended_leaves_no_zombie(sessions: Sessions) -> None:
    session = _start(sessions)
    sessions.stop([session], 2.0)
    _wait(lambda: not psutil.pid_exists(session))


def test_its_environment_is_what_it_was_given(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_WORKERS", "64")
    variables = sessions.members(_start(sessions))[0].environ()
    assert variables["A"] == "b"
    assert variables[processes.OWNER] == str(sessions.folder.resolve())
    assert "GUNICORN_WORKERS" not in variables


@pytest.mark.parametrize("how", ["polite", "stubborn"])
def test_stopping_ends_the_whole_family(sessions: Sessions, how: str) -> None:
    session, other = _start(sessions, how), _start(sessions)
    sessions.stop([session], 0.5)
    assert sessions.members(session) == []
    assert sessions.running() == [other]
    sessions.stop([session], 0.5)


def test_what_a_killed_first_process_left_is_found_and_stopped(sessions: Sessions) -> None:
    session = _start(sessions)
    os.kill(session, signal.SIGKILL)
    _wait(lambda: not sessions.is_running(session))
    assert sessions.running() == [session]
    sessions.stop([session], 2.0)
    assert sessions.running() == []


def test_a_process_of_somebody_else_with_that_number_is_left_alone(sessions: Sessions) -> None:
    stranger = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        assert sessions.members(stranger.pid) == []
        sessions.stop([stranger.pid], 0.0)
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n", timeout=20)
    assert stranger.returncode == 0


def test_the_folder_may_be_named_by_another_path(sessions: Sessions) -> None:
    other = sessions.folder / "link"
    other.symlink_to(sessions.folder)
    session = _start(Sessions(other))
    assert sessions.running() == [session]


def test_the_log_keeps_the_output_of_all_starts(sessions: Sessions) -> None:
    log = sessions.folder / "logs" / "family.log"
    _start(sessions)
    since = processes.size_of(log)
    _start(sessions)
    assert processes.tail(log, 0).count("started") == 4
    assert processes.tail(log, since).count("started") == 2
    assert processes.tail(log, 0, lines=1) == "started"
    assert processes.tail(sessions.folder / "none.log", 0) == ""


def test_a_command_that_cannot_be_run_says_why(sessions: Sessions) -> None:
    with pytest.raises(UnavailableError, match=r"/nowhere/envoy could not be started: .*No such file"):
        sessions.start(["/nowhere/envoy"], variables={}, cwd=sessions.folder, log=sessions.folder / "log")
    assert sessions.running() == []


def test_it_executes_once_it_has_started(sessions: Sessions) -> None:
    for _ in range(20):
        session = sessions.start(
            ["/bin/sleep", "60"], variables={}, cwd=sessions.folder, log=sessions.folder / "log"
        )
        assert sessions.members(session)[0].name() == "sleep"


def test_a_server_is_found_though_its_environment_shows_late(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """About one in a hundred times on a busy machine, the kernel shows none right after the exec."""
    before, reads, environ = set(psutil.pids()), Counter[int](), psutil.Process.environ

    def late(process: psutil.Process) -> dict[str, str]:
        reads[process.pid] += 1
        return {} if process.pid not in before and reads[process.pid] <= 3 else environ(process)

    monkeypatch.setattr(psutil.Process, "environ", late)
    log = sessions.folder / "log"
    session = sessions.start(["/bin/sleep", "60"], variables={}, cwd=sessions.folder, log=log)
    assert sessions.is_running(session)


def test_a_missing_folder_is_an_error(sessions: Sessions) -> None:
    with pytest.raises(UnavailableError, match="could not be started"):
        sessions.start(["true"], variables={}, cwd=sessions.folder / "no", log=sessions.folder / "log")


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
