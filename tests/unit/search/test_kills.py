"""A search killed at random moments, and started again, ends as one that nobody killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from fmnist.search.asha import plan_of
from fmnist.search.optuna.study import Study
from fmnist.settings import PROJECT
from tests.support.killed_search import experiment_of
from tests.support.processes import ended

KILLS = int(os.environ.get("KILLS", "3"))
JOBS = (1, 2)
SECONDS = 120
PROGRAM = (
    "import sys; from pathlib import Path; from tests.support.killed_search import main; "
    "main(Path(sys.argv[1]), int(sys.argv[2]))"
)
METRIC_WRITTEN = 7


def started(home: Path, jobs: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), str(jobs)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill(process: "subprocess.Popen[str]", moments: random.Random) -> None:
    trials = [
        child for child in psutil.Process(process.pid).children(recursive=True) if child.ppid() != process.pid
    ]
    how = moments.choice(["search", "all", "interrupt", "trial"])
    if how == "trial" and trials:
        trials[0].kill()
    elif how == "search":
        process.kill()
    elif how == "interrupt":
        os.killpg(process.pid, signal.SIGINT)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    if not (how == "trial" and trials):
        process.communicate(timeout=SECONDS)


def await_journal(home: Path, lines: int, process: "subprocess.Popen[str]") -> None:
    """Until the study holds so many lines; what a search does is written there at once."""
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and journal(home).count("\n") < lines:
        assert time.monotonic() < deadline, "nothing happens any more"
        time.sleep(0.005)


def journal(home: Path) -> str:
    file = home / "studies" / "fmnist-adaptive" / "journal.log"
    return file.read_text() if file.exists() else ""


def outcome(home: Path, jobs: int) -> dict[str, Any]:
    made = experiment_of(jobs)
    study = Study(home / "studies" / "fmnist-adaptive" / "journal.log", made, plan_of(made))
    written = Counter(
        (line["trial_id"], line["step"])
        for line in map(json.loads, journal(home).splitlines())
        if line["op_code"] == METRIC_WRITTEN
    )
    checkpoints = home / "checkpoints" / "fmnist-adaptive"
    return {
        "finished": study.finished,
        "trials": [
            (trial.id, trial.state, trial.epochs, trial.hyperparameters, trial.metric)
            for trial in study.trials()
        ],
        "weights": {path.name: (path / "weights").read_bytes() for path in checkpoints.iterdir()},
        "runs": {path.name.rpartition("-")[0]: path.read_text() for path in (home / "runs").iterdir()},
        "number of runs": len(list((home / "runs").iterdir())),
        "written twice": [key for key, times in written.items() if times > 1],
        "left": [path.name for path in home.glob("studies/*/states/*")],
    }


@dataclass(frozen=True)
class Peaceful:
    """A search that nobody kills."""

    home: Path
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="module")
def in_peace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Peaceful]]:
    """By the number of jobs; all are started at once, for they mostly wait."""
    folder = tmp_path_factory.mktemp("peace")
    with ExitStack() as stack:
        yield {
            jobs: Peaceful(home, stack.enter_context(ended(started(home, jobs))))
            for jobs in JOBS
            for home in [folder / str(jobs)]
        }


@pytest.mark.parametrize("jobs", JOBS)
def test_kills_do_not_show_in_what_comes_out(
    tmp_path: Path, in_peace: dict[int, Peaceful], jobs: int
) -> None:
    moments = random.Random(jobs)
    peace, home = in_peace[jobs], tmp_path / "killed"
    assert peace.process.communicate(timeout=SECONDS)[1] == ""
    length = journal(peace.home).count("\n")
    process = started(home, jobs)
    for number in range(KILLS):
        await_journal(home, int((number + moments.random()) * length / (KILLS + 1)), process)
        time.sleep(moments.uniform(0, 0.1))
        if process.poll() is None:
            kill(process, moments)
        if process.poll() is not None and process.returncode:
            process = started(home, jobs)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert outcome(home, jobs) == outcome(peace.home, jobs)
    assert not outcome(home, jobs)["written twice"]
    assert not outcome(home, jobs)["left"]
