"""Locks that processes hold on files; the kernel frees them when the process ends, even by kill -9."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fmnist.errors import TimedOut, UnavailableError
from fmnist.files.atomic import disk_errors


@contextmanager
def held(lock: Path, busy: str) -> Iterator[None]:
    """Hold the file ``lock`` (made when missing, never removed) for the block.

    Args:
        lock: its content is the holder's process id.
        busy: message when another process holds it; ``{process}`` in it becomes that process id.

    Raises:
        UnavailableError: another process holds it.
    """
    try:
        with disk_errors(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            guard = FileLock(lock, timeout=0).acquire()
    except Timeout as error:
        raise UnavailableError(busy.replace("{process}", lock.read_text().strip() or "?")) from error
    with guard:
        with disk_errors(lock):
            lock.write_text(f"{os.getpid()}\n")
        yield


@contextmanager
def only_writer(path: Path, seconds: float, what: str) -> Iterator[None]:
    """Wait for the lock file ``path`` (made when missing, never removed), and hold it for the block.

    Raises:
        TimedOut: another writer of ``what`` held it for ``seconds``.
    """
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            guard = FileLock(path, timeout=seconds).acquire(poll_interval=0.05)
    except Timeout as error:
        raise TimedOut(
            f"{what}: another process has been writing for {seconds:.0f} s ({path}); try again"
        ) from error
    with guard:
        yield
