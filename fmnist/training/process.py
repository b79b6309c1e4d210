"""Starting the training's entry point in a process of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fmnist.core.bundle import Bundle, open_bundle

_ENTRY_POINT = "fmnist.jobs.train"
_PARENT = "FMNIST_PARENT_PROCESS"
_SECONDS_TO_END = 30
_WATCH_SECONDS = 0.5


def train_in_child(arguments: Sequence[str]) -> Bundle:
    """Run ``python -m fmnist.jobs.train`` with these arguments; its progress goes to our stderr.

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


def run_each(environments: Sequence[Mapping[str, str]]) -> int:
    """Run this process's own command once more with each of ``environments`` added; wait for all.

    When one of them fails, or this process is interrupted, the others are ended.

    Returns:
        0, or the exit code of the first that failed.
    """
    command = [sys.executable, *sys.orig_argv[1:]]
    common = {**os.environ, _PARENT: str(os.getpid())}
    children: list[subprocess.Popen[str]] = []
    with _sigterm_raises():
        try:
            for environment in environments:
                children.append(subprocess.Popen(command, env={**common, **environment}, text=True))
            while True:
                codes = [child.poll() for child in children]
                failed = [code for code in codes if code]
                if failed or None not in codes:
                    break
                time.sleep(_WATCH_SECONDS)
        finally:
            for child in children:
                _end(child)
    return (failed[0] if failed[0] > 0 else 128 - failed[0]) if failed else 0


def end_with_parent() -> None:
    """In the child: end at once when the parent that started it from here is killed."""
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
