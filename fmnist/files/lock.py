"""Files that one process at a time holds; the kernel frees them when that process ends, however it does."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fmnist.errors import TimedOut, UnavailableError

_POLL_SECONDS = 0.05


@contextmanager
def held(lock: Path, busy: str) -> Iterator[None]:
    """Hold the file ``lock`` (made when missing, never removed) for the block.

    Args:
        lock: its content is the holder's process number.
        busy: said when another process holds it; ``{process}`` in it becomes that one's number.

    Raises:
        UnavailableError: another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as handle:
        if not _taken(handle):
            handle.seek(0)
            raise UnavailableError(busy.replace("{process}", handle.read().strip() or "?"))
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


@contextmanager
def only_writer(path: Path, seconds: float, what: str) -> Iterator[None]:
    """Wait for the lock file ``path`` (made when missing, never removed), and hold it for the block.

    Raises:
        TimedOut: another writer of ``what`` held it for ``seconds``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with path.open("w") as handle:
        while not _taken(handle):
            if time.monotonic() >= deadline:
                raise TimedOut(
                    f"{what}: another process has been writing for {seconds:.0f} s ({path}); try again"
                )
            time.sleep(_POLL_SECONDS)
        yield


def _taken(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
