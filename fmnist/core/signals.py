"""How processes of this project end: on SIGTERM in good order, and never later than their parent."""

import os
import signal
import sys
import threading
from multiprocessing import connection
from typing import Any


def raise_on_sigterm() -> None:
    """Turn SIGTERM into ``SystemExit(143)``, so that ``with`` and ``finally`` blocks run.

    By default it ends a process at once: child processes would stay, and runs be left as running.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def end_when_closed(pipe: Any) -> None:
    """End this process at once when the other end of ``pipe`` is closed.

    The parent holds the other end, and a killed parent cannot end its children itself.

    Args:
        pipe: a file descriptor, or an object that ``multiprocessing.connection.wait`` takes.
    """
    threading.Thread(target=_watch, args=(pipe,), daemon=True).start()


def _watch(pipe: Any) -> None:
    connection.wait([pipe])
    os._exit(128 + signal.SIGKILL)
