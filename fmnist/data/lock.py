"""One writer at a time, also across processes; a killed holder frees the lock."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fmnist.errors import TimedOut

_POLL_SECONDS = 0.05


@contextmanager
def only_writer(path: Path, seconds: float, what: str) -> Iterator[None]:
    """Hold the lock file ``path`` (made when missing, never removed) for the block.

    Raises:
        TimedOut: another writer of ``what`` held it for ``seconds``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with path.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimedOut(
                        f"{what}: another process has been writing for {seconds:.0f} s ({path}); try again"
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
