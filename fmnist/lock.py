"""A lock that one process holds; the kernel frees it when that process ends, however it does."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fmnist.errors import UnavailableError


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
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise UnavailableError(busy.replace("{process}", handle.read().strip() or "?")) from None
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield
