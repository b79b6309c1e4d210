"""A search that is killed at random moments ends as if nothing had happened: same trials, same best.

    python bench/kills.py [--seed 1] [--kills 10]

Drawn garments, two searches of the same file and seed side by side in one fresh home: one runs in
peace, the other is killed (kill -9 of the search, of a trial, of both at once; Ctrl-C) and started
again. Adaptive trials run one at a time: more at once come to the rungs in an order that depends
on the clock, so which of them are stopped does too; there ``random`` is killed. Exits with 1 where
anything differs, to the last bit of a weight.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from fmnist.clients.mlflow import open_client
from fmnist.core.fashion_mnist import TRAIN
from fmnist.data.formats.idx import write_idx
from fmnist.data.synthetic import draw
from fmnist.experiments import load_experiment
from fmnist.files.atomic import sha256_of
from fmnist.search.asha import plan_of
from fmnist.search.optuna.study import Study
from fmnist.settings import PROJECT, Settings, from_environment
from fmnist.wiring import data_store

IMAGES = 2000
SECONDS = 600
"""Longest silence of a search, and longest time to end, before the script gives up."""
HYPERPARAMETERS = (
    "hyperparameters.network=modern",
    "hyperparameters.epochs=4",
    "hyperparameters.width={type: categorical, vals: [8, 12]}",
    "max_restarts=100",
)
_WRITTEN_METRIC = 7
"""Optuna's journal: the operation that keeps the metric of an epoch."""


@dataclass(frozen=True)
class Scenario:
    """A searcher, how many trials run at once, and how often it is killed."""

    name: str
    searcher: str
    jobs: int
    kills: int


def main() -> None:
    """Run both scenarios and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument(
        "--jobs", type=int, choices=(1, 2), help="Only the scenario with so many trials at once."
    )
    asked = parser.parse_args()
    # A shell's background job ignores Ctrl-C, and so would the searches that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    adaptive = (
        "{name: adaptive_asha, metric: accuracy, smaller_is_better: false, time_metric: epochs, max_time: 4, "
        "max_trials: 5, divisor: 2, max_rungs: 3, mode: aggressive}"
    )
    at_random = "{name: random, metric: accuracy, smaller_is_better: false, max_trials: 4}"
    scenarios = [
        Scenario("adaptive, one trial at a time", adaptive, jobs=1, kills=asked.kills),
        Scenario("random, two trials at a time", at_random, jobs=2, kills=max(asked.kills // 3, 1)),
    ]
    with tempfile.TemporaryDirectory(prefix="fmnist-kills-") as folder:
        settings = _home(Path(folder))
        moments = random.Random(asked.seed)
        chosen = [scenario for scenario in scenarios if asked.jobs in (None, scenario.jobs)]
        differences = [line for scenario in chosen for line in _tried(scenario, settings, moments)]
    print("\n".join(differences) if differences else "the same, to the last bit")
    sys.exit(bool(differences))


def _home(folder: Path) -> Settings:
    """A home that holds one commit of training data."""
    settings = from_environment({"FMNIST_HOME": str(folder / "home")})
    garments = draw(IMAGES, seed=1)
    files = {TRAIN.images.name: garments.images, TRAIN.labels.name: garments.labels}
    for name, values in files.items():
        (folder / name).write_bytes(write_idx(values))
    data_store(settings).put(TRAIN.repo, {name: folder / name for name in files}, "drawn garments")
    return settings


def _tried(scenario: Scenario, settings: Settings, moments: random.Random) -> list[str]:
    print(f"== {scenario.name}")
    quiet, killed = f"quiet-{scenario.jobs}", f"killed-{scenario.jobs}"
    start = time.monotonic()
    with _Search(scenario, settings, quiet) as search:
        search.finished()
        news = len(search.said())
    print(f"in peace: {news} lines of news in {time.monotonic() - start:.0f} s", flush=True)
    start = time.monotonic()
    _killed_again_and_again(scenario, settings, killed, moments, news)
    print(f"killed {scenario.kills} times: {time.monotonic() - start:.0f} s", flush=True)
    expected, found = (_outcome(scenario, settings, name) for name in (quiet, killed))
    for line in found["trials"]:
        print(f"  {line}")
    return [
        f"{scenario.name}: {key}: expected {expected[key]}, found {found[key]}"
        for key in expected
        if expected[key] != found[key]
    ]


def _killed_again_and_again(
    scenario: Scenario, settings: Settings, name: str, moments: random.Random, news: int
) -> None:
    kills = 0
    while True:
        with _Search(scenario, settings, name) as search:
            while kills < scenario.kills and search.process.poll() is None:
                # On average this leaves the last kill to fall when the search is nearly done.
                search.await_news(moments.randint(0, max(2 * news // (scenario.kills + 3), 2)))
                time.sleep(moments.uniform(0, 3))
                how = moments.choice([search.kill, search.kill_trial, search.kill_all, search.interrupt])
                if search.process.poll() is not None:
                    sys.exit(f"the search ended after {kills} kills of {scenario.kills}; try another --seed")
                kills += 1
                said = search.said()
                print(f"kill {kills}, {how()}, after: {said[-1] if said else 'nothing yet'}", flush=True)
            if kills == scenario.kills and search.process.poll() is None:
                search.finished()
                return


class _Search:
    """``fmnist search`` in a session of its own, of which nothing is left after the block."""

    def __init__(self, scenario: Scenario, settings: Settings, name: str) -> None:
        values = (*HYPERPARAMETERS, f"searcher={scenario.searcher}", f"name={name}")
        command = [
            *(sys.executable, "-m", "fmnist.cli.main", "search", str(PROJECT / "adaptive.yaml")),
            *("--jobs", str(scenario.jobs)),
            *(f"--config={value}" for value in values),
        ]
        self._log = settings.home / f"{name}.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "FMNIST_HOME": str(settings.home)},
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self._heard = 0

    def __enter__(self) -> "_Search":
        return self

    def __exit__(self, *_: object) -> None:
        if sys.exc_info()[0]:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)
        _await_end_of_session(self.process.pid)

    def said(self) -> list[str]:
        return self._log.read_text().splitlines()

    def await_news(self, lines: int) -> None:
        """Until it has said so many lines more, or ended."""
        deadline, wanted = time.monotonic() + SECONDS, self._heard + lines
        while len(self.said()) < wanted and self.process.poll() is None:
            if time.monotonic() > deadline:
                sys.exit(f"nothing happens any more: {self.said()[-20:]}")
            time.sleep(0.02)
        self._heard = len(self.said())

    def finished(self) -> None:
        """Wait for its end, which must be a good one."""
        while self.process.poll() is None:
            self.await_news(1)
        if code := self.process.returncode:
            sys.exit(f"the search ended with {code}: {self.said()[-20:]}")

    def kill(self) -> str:
        self.process.kill()
        self.process.wait(SECONDS)
        return "kill -9 of the search"

    def kill_all(self) -> str:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)
        return "kill -9 of the search and its trials"

    def interrupt(self) -> str:
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(SECONDS)
        return "Ctrl-C"

    def kill_trial(self) -> str:
        """A trial is a grandchild: the server that it is forked from stands between."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        trials = [child for child in children if child.ppid() != self.process.pid]
        if not trials:
            return self.kill()
        trials[0].kill()
        return "kill -9 of a trial"


def _await_end_of_session(session: int) -> None:
    deadline = time.monotonic() + SECONDS
    while _alive(session):
        if time.monotonic() > deadline:
            sys.exit(f"processes of session {session} are left: {_alive(session)}")
        time.sleep(0.1)


def _alive(session: int) -> list[int]:
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getsid(process.pid) == session and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, PermissionError):
            continue
    return found


def _outcome(scenario: Scenario, settings: Settings, name: str) -> dict[str, Any]:
    """All that must not depend on kills, under names for a message."""
    experiment = load_experiment(
        PROJECT / "adaptive.yaml", [*HYPERPARAMETERS, f"searcher={scenario.searcher}", f"name={name}"]
    )
    folder = settings.studies / name
    trials = Study(folder / "journal.log", experiment, plan_of(experiment)).trials()
    best = max(trials, key=lambda trial: (trial.metric or 0, -trial.id))
    checkpoints = settings.checkpoints / name
    return {
        "trials": [
            f"trial {trial.id} {trial.state}, {trial.epochs} epochs, {trial.metric}, "
            f"{json.dumps(trial.hyperparameters, sort_keys=True)}, "
            f"weights {sha256_of(trial.checkpoint / 'model.onnx')[:16] if trial.checkpoint else None}"
            for trial in trials
        ],
        "best": best.id,
        "files": sorted(path.name for path in (*checkpoints.iterdir(), *folder.glob("states/*"))),
        "metrics kept twice": _twice(folder / "journal.log"),
        "runs": _runs(settings, name),
    }


def _twice(journal: Path) -> list[tuple[int, int]]:
    operations = [json.loads(line) for line in journal.read_text().splitlines()]
    written = Counter(
        (operation["trial_id"], operation["step"])
        for operation in operations
        if operation["op_code"] == _WRITTEN_METRIC
    )
    return [key for key, times in written.items() if times > 1]


def _runs(settings: Settings, name: str) -> list[str]:
    """Each run in MLflow: its name, state, and the epochs of one of its metrics."""
    client = open_client(settings)
    experiment = client.get_experiment_by_name(name)
    runs = client.search_runs([experiment.experiment_id])
    return sorted(
        f"{run.info.run_name} {run.info.status} "
        f"{sorted(metric.step for metric in client.get_metric_history(run.info.run_id, 'validation/loss'))}"
        for run in runs
    )


if __name__ == "__main__":
    main()
