"""Servers on this machine: started apart from us, found again, stopped whole.

Each server is a session of its own, named by its first process' id. Its processes carry the serving
folder in their environment, so that a recycled id is never taken for ours, and a server whose first
process was killed is still found.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from fmnist.deployment.local import detached
from fmnist.errors import FmnistError, TimedOut, UnavailableError

OWNER = "FMNIST_SERVING_FOLDER"
_START_SECONDS = 15.0
_KILL_SECONDS = 5.0
_POLL_SECONDS = 0.02
_INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER")
_TAIL_BYTES = 1 << 14


def start(command: Sequence[str], *, owner: Path, variables: Mapping[str, str], cwd: Path, log: Path) -> int:
    """Start a server; its output is appended to ``log``. Returns the session's number once it executes.

    The environment is ``variables`` and what every program needs, nothing else of ours.

    Raises:
        UnavailableError: it could not be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    try:
        launched = subprocess.run(
            [sys.executable, "-I", "-S", detached.__file__, str(log), *command],
            env={**kept, **variables, OWNER: _mark(owner)},
            cwd=cwd,
            capture_output=True,
            check=True,
            text=True,
            timeout=_START_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(f"{command[0]} could not be started: {error}") from error
    session, _, failure = launched.stdout.partition("\n")
    if failure:
        raise UnavailableError(f"{command[0]} could not be started: {failure}")
    return int(session)


def members(session: int, owner: Path) -> list[psutil.Process]:
    """The session's living processes, the first one first; empty when all have ended."""
    return [process for _, process in _owned(owner, session)]


def sessions(owner: Path) -> list[int]:
    """All servers of which a process lives, recorded or not."""
    return sorted({number for number, _ in _owned(owner)})


def is_running(session: int, owner: Path) -> bool:
    """True if the server's first process lives: without it the others are leftovers."""
    return any(process.pid == session for process in members(session, owner))


def stop(stopped: Iterable[int], owner: Path, seconds: float) -> None:
    """End servers: a polite signal, ``seconds`` to follow it, then one that cannot be ignored.

    Raises:
        FmnistError: a process is still there.
    """
    left, seen = set(stopped), set[psutil.Process]()

    def have_ended() -> bool:
        # Seen ones are asked for too: one that is ending has no environment any more, but may still
        # have its ports.
        for session in left:
            seen.update(members(session, owner))
        return not any(_lives(process) for process in seen)

    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, _KILL_SECONDS)):
        if have_ended():
            return
        for session in left:
            _signal(session, owner, number)
        with suppress(TimedOut):
            wait_until(have_ended, patience, "")
            return
    pids = sorted(process.pid for process in seen if _lives(process))
    raise FmnistError(f"processes {pids} do not end, not even by SIGKILL; look with ps")


def memory(processes: Iterable[psutil.Process]) -> int:
    """Bytes of memory: proportional set sizes on Linux, resident ones where there are none."""
    total = 0
    for process in processes:
        with suppress(psutil.Error):
            total += getattr(process.memory_full_info(), "pss", 0) or process.memory_info().rss
    return total


def listener(port: int) -> str | None:
    """Who listens on a TCP port, as ``name (pid n)``; None if nobody does or it is not ours to know."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.pid and getattr(connection.laddr, "port", None) == port:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return None


def is_free(port: int) -> bool:
    """True if a server may listen on 127.0.0.1 and this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
        return True


def listens(port: int) -> bool:
    """True if a server on 127.0.0.1 takes connections on this port."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports, all different, on which nobody listened a moment ago."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("", 0))
        return [probe.getsockname()[1] for probe in probes]


def size_of(log: Path) -> int:
    """Bytes in a log; 0 if there is none yet."""
    return log.stat().st_size if log.exists() else 0


def tail(log: Path, since: int, lines: int = 12) -> str:
    """The last lines that a log got after its first ``since`` bytes."""
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        stream.seek(max(since, size_of(log) - _TAIL_BYTES))
        return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask ``condition`` until it says yes.

    Raises:
        TimedOut: it did not within ``seconds``; ``what`` is the message's beginning.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            raise TimedOut(f"{what} within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def _owned(owner: Path, only: int | None = None) -> Iterator[tuple[int, psutil.Process]]:
    own, mark = os.getsid(0), _mark(owner)
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            number = os.getsid(process.pid)
            if number != own and only in (None, number) and process.environ().get(OWNER) == mark:
                yield number, process


def _mark(owner: Path) -> str:
    return str(owner.resolve())


def _signal(session: int, owner: Path, number: signal.Signals) -> None:
    if members(session, owner):
        with suppress(ProcessLookupError):
            os.killpg(session, number)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
