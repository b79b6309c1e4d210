import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fmnist.core.provenance import DataReference
from fmnist.errors import Diverged, FmnistError
from fmnist.experiments.hyperparameters import Hyperparameters, Loss, Optimizer, Schedule
from fmnist.settings import PROJECT
from fmnist.training.job import TrainingJob
from fmnist.training.workers import Workers, prepare, share
from tests.support import fake_training as fake
from tests.support.recorded_runs import RememberedRun

SECONDS = 30


def job(folder: Path) -> TrainingJob:
    return TrainingJob(
        experiment="fake",
        hyperparameters=Hyperparameters(
            network="modern",
            width=8,
            dropout=0.1,
            epochs=3,
            batch_size=8,
            val_size=0.1,
            optimizer=Optimizer(name="adamw", learning_rate=0.001),
            schedule=Schedule(name="cosine"),
            loss=Loss(name="cross_entropy"),
        ),
        train_data=DataReference("repo", "commit", "synthetic", {}),
        folder=folder,
        seed=1,
        threads=1,
        git_commit="unknown",
    )


@pytest.fixture(scope="module", autouse=True)
def server_without_tensorflow() -> None:
    prepare(("tests.support.fake_training",))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return share(fake.images(), tmp_path / "arrays")


def awaited_pids(folder: Path, number: int) -> list[int]:
    deadline = time.monotonic() + SECONDS
    while len(fake.pids(folder)) < number:
        assert time.monotonic() < deadline, "the trainings did not start"
        time.sleep(0.02)
    return fake.pids(folder)


def assert_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + SECONDS
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
        assert time.monotonic() < deadline, "a process was left running"
        time.sleep(0.05)


def test_a_run_and_its_progress_are_told_across_the_pipe(tmp_path: Path, data: Path) -> None:
    run = RememberedRun("one")
    with Workers(data, fake.trains) as workers:
        bundle = workers.run(job(tmp_path / "out" / "trial-0"), run)
    assert run.parameters == {"dropout": 0.1}
    assert run.epochs == [1, 2, 3]
    assert run.bundle == bundle.folder == tmp_path / "out" / "trial-0"


def test_a_training_that_raises_says_what_and_where(tmp_path: Path, data: Path) -> None:
    with (
        Workers(data, fake.always_raises) as workers,
        pytest.raises(FmnistError, match=r"^ValueError: no such luck \(.*fake_training.py:\d+\)"),
    ):
        workers.run(job(tmp_path / "trial-0"), RememberedRun("one"))


def test_a_killed_training_says_so_and_leaves_nothing_half_written(tmp_path: Path, data: Path) -> None:
    with (
        Workers(data, fake.second_raises_third_is_killed) as workers,
        pytest.raises(FmnistError, match=r"killed by signal 9 .*out of memory") as caught,
    ):
        workers.run(job(tmp_path / "out" / "trial-2"), RememberedRun("one"))
    assert list((tmp_path / "out").iterdir()) == []
    assert caught.value.exit_code == 137


def test_an_error_of_the_project_keeps_its_class_and_message(tmp_path: Path, data: Path) -> None:
    with (
        Workers(data, fake.diverges) as workers,
        pytest.raises(Diverged, match="epoch 1, step 2: loss is nan"),
    ):
        workers.run(job(tmp_path / "trial-0"), RememberedRun("one"))


def test_leaving_the_block_ends_all(tmp_path: Path, data: Path) -> None:
    with Workers(data, fake.hangs) as workers:
        for number in range(2):
            workers.start(job(tmp_path / f"trial-{number}"), RememberedRun("x"))
        pids = awaited_pids(tmp_path, 2)
        assert workers.wait(0) == []
    assert_gone(pids)


def test_a_data_set_is_written_once(tmp_path: Path) -> None:
    folder = share(fake.images(), tmp_path / "arrays")
    before = (folder / "images.npy").stat()
    assert share(fake.images(), folder) == folder
    assert (folder / "images.npy").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_trainings_end_with_their_parent(tmp_path: Path, data: Path, number: int) -> None:
    script = (
        "from pathlib import Path\n"
        "from fmnist.training.workers import Workers, prepare\n"
        "from tests.support import fake_training as fake, recorded_runs as runs\n"
        "from tests.unit.training import test_workers\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "prepare(())\n"
        "with Workers(folder / 'arrays', fake.hangs) as workers:\n"
        "    workers.run(test_workers.job(folder / 'trial-0'), runs.RememberedRun('x'))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT, start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        pids = awaited_pids(tmp_path, 1)
        others = [child.pid for child in psutil.Process(parent.pid).children(recursive=True)]
        if number == signal.SIGINT:
            os.killpg(parent.pid, number)
        else:
            os.kill(parent.pid, number)
        parent.wait(SECONDS)
        assert_gone([*pids, *others])
    finally:
        if parent.poll() is None:
            parent.kill()
            parent.wait()
