"""Processes that tests start; started early, they take the other core."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import AnyStr


@contextmanager
def background(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """The command with its output in pipes, as text, until the block ends."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with ended(process):
        yield process


@contextmanager
def ended(process: "subprocess.Popen[AnyStr]") -> Iterator["subprocess.Popen[AnyStr]"]:
    """It and its children, a session of their own, do not outlive the block."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
