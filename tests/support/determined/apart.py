"""A master in a process of its own: ``python -m tests.support.determined.apart STORAGE``.

For each line that it reads it allocates a trial of a new experiment, and prints the trial's facts.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.support.determined.server import serving
from tests.support.determined.task import Task, allocate
from tests.support.determined.trials import SINGLE, schedule

_SECONDS = 10


@contextmanager
def serving_apart(storage: Path) -> Iterator[Callable[[], Task]]:
    """What gives a new trial to run at each call; the master is gone after the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(storage)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    asked, answers = process.stdin, process.stdout
    assert asked
    assert answers

    def trial() -> Task:
        asked.write("\n")
        asked.flush()
        return Task(**json.loads(answers.readline()))

    try:
        yield trial
    finally:
        asked.close()
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _main(storage: Path) -> None:
    with serving(storage) as master:
        for _ in sys.stdin:
            facts = asdict(allocate(master, schedule(master, SINGLE)))
            sys.stdout.write(f"{json.dumps(facts)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
