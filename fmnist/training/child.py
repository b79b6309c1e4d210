"""Starting the training's entry point in a process of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fmnist.bundle import Bundle, open_bundle

_ENTRY_POINT = "fmnist.training.train"
_PARENT = "FMNIST_PARENT_PROCESS"
_SECONDS_TO_END = 30
_WATCH_SECONDS = 0.5


def train_in_child(arguments: Sequence[str]) -> Bundle:
    """Run ``python -m fmnist.training.train`` with these arguments; its progress goes to our stderr.

    Interrupted or terminated, this process ends the child first; if it is killed, the child sees
    it and ends.

    Raises:
        SystemExit: the training failed and has said why; the code is the child's.
    """
    command = [sys.executable, "-m", _ENTRY_POINT, *arguments]
    environment = {**os.environ, _PARENT: str(os.getpid())}
    with (
        _sigterm_raises(),
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child,
    ):
        try:
            output, _ = child.communicate()
        finally:
            _end(child)
    if child.returncode:
        raise SystemExit(child.returncode if child.returncode > 0 else 128 - child.returncode)
    return open_bundle(Path(output.splitlines()[-1]))


def end_with_parent() -> None:
    """In the child: end at once when a parent that called ``train_in_child`` is killed."""
    parent = os.environ.pop(_PARENT, None)
    if parent:
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(128 + signal.SIGKILL)


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM would else end this process at once and leave the child running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        child.kill()
