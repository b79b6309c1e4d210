"""Server processes of this machine: started apart from us, found again, stopped whole.

By hand and not by ``supervisor`` (4.3): a seldon-core-microservice whose first process was killed leaves
six others, which supervisord can neither stop nor find again, nor does it find its servers after it was
killed itself. Looking for orphans is most of this module, and has to stay with either.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from fmnist.errors import FmnistError, TimedOut, UnavailableError

OWNER = "FMNIST_SERVING_FOLDER"
"""Environment variable by which a server's processes are recognised."""

_KILL_SECONDS = 5.0
_START_SECONDS = 30.0
_POLL_SECONDS = 0.02
_INHERITED = ("FMNIST_LOG_FORMAT", "HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER")
_TAIL_BYTES = 1 << 14


@dataclass(frozen=True)
class Sessions:
    """The servers that were started from one serving folder.

    Each is a session of its own, named by the id of its first process, so that neither a terminal that
    closes nor a signal to our process group reaches it. Its processes carry the folder in their
    environment: a recycled id is never taken for a server, and one whose first process was killed is
    still found.
    """

    folder: Path

    def start(self, command: Sequence[str], *, variables: Mapping[str, str], cwd: Path, log: Path) -> int:
        """Start a server and return its session; its output is appended to ``log``.

        The environment is ``variables`` and what every program needs, nothing else of ours.

        Raises:
            UnavailableError: the command cannot be executed.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env={**kept, **variables, OWNER: self._mark},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise UnavailableError(f"{command[0]} could not be started: {error}") from error
        self._await_environment(process)
        # Reaps it should it end before we do; afterwards init does.
        threading.Thread(target=process.wait, daemon=True).start()
        return process.pid

    def _await_environment(self, process: subprocess.Popen[bytes]) -> None:
        """Return once the server can be recognised, or has ended.

        The kernel wakes whoever waits for an exec a moment before it shows the new program's environment.
        """

        def is_recognisable() -> bool:
            with suppress(psutil.Error, OSError):
                return psutil.Process(process.pid).environ().get(OWNER) == self._mark
            return False

        wait_until(
            lambda: process.poll() is not None or is_recognisable(),
            _START_SECONDS,
            f"process {process.pid} does not show its environment",
        )

    def running(self) -> list[int]:
        """All sessions of which a process lives, recorded or not, in ascending order."""
        return sorted({session for session, _ in self._owned()})

    def members(self, session: int) -> list[psutil.Process]:
        """The session's living processes, the first one first; empty when all have ended."""
        return [process for _, process in self._owned(session)]

    def is_running(self, session: int) -> bool:
        """Whether the server's first process lives: without it the others are leftovers."""
        return any(process.pid == session for process in self.members(session))

    def stop(self, sessions: Iterable[int], seconds: float) -> None:
        """End servers by SIGTERM, and after ``seconds`` by SIGKILL.

        Raises:
            FmnistError: a process is still there.
        """
        left, seen = set(sessions), set[psutil.Process]()

        def have_ended() -> bool:
            # Processes seen before are asked for too: one that is ending has no environment any more,
            # but may still hold its ports.
            for session in left:
                seen.update(self.members(session))
            return not any(_lives(process) for process in seen)

        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, _KILL_SECONDS)):
            if have_ended():
                return
            for session in left:
                if self.members(session):
                    with suppress(ProcessLookupError):
                        os.killpg(session, number)
            with suppress(TimedOut):
                wait_until(have_ended, patience, "")
                return
        pids = sorted(process.pid for process in seen if _lives(process))
        raise FmnistError(f"processes {pids} do not end, not even by SIGKILL; look with ps")

    def _owned(self, only: int | None = None) -> Iterator[tuple[int, psutil.Process]]:
        ours, mark = os.getsid(0), self._mark
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                session = os.getsid(process.pid)
                if session != ours and only in (None, session) and process.environ().get(OWNER) == mark:
                    yield session, process

    @property
    def _mark(self) -> str:
        return str(self.folder.resolve())


def memory(processes: Iterable[psutil.Process]) -> int:
    """Bytes of memory: proportional set sizes on Linux, resident ones where there are none."""
    total = 0
    for process in processes:
        with suppress(psutil.Error):
            total += getattr(process.memory_full_info(), "pss", 0) or process.memory_info().rss
    return total


def size_of(log: Path) -> int:
    """Bytes in a log; 0 if it does not exist."""
    return log.stat().st_size if log.exists() else 0


def tail(log: Path, since: int, lines: int = 12) -> str:
    """The last lines that a log got after its first ``since`` bytes."""
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        stream.seek(max(since, size_of(log) - _TAIL_BYTES))
        return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll ``condition`` until it is true.

    Raises:
        TimedOut: it was not within ``seconds``; ``what`` is the message's beginning.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            raise TimedOut(f"{what} within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
