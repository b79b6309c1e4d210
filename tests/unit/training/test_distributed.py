"""Two processes that train one model against one; TensorFlow is loaded here and in each of them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from fmnist.errors import ConfigError, UnavailableError
from fmnist.settings import PROJECT
from fmnist.tracking.base import Decision
from fmnist.training import backend
from fmnist.training.distributed import Collective, collective_errors
from fmnist.training.job import WorkerGroup
from tests.support.ports import free_ports
from tests.support.processes import ended
from tests.support.together import BATCH, EPOCHS, learn

THREADS = 2
SECONDS = 200


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Path, "subprocess.Popen[str]"]]]:
    """Two processes at work, and where each leaves what it learnt."""
    folder = tmp_path_factory.mktemp("together")
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    with ExitStack() as stack:
        started = []
        for rank in range(2):
            out = folder / f"{rank}.npz"
            command = [sys.executable, "-m", "tests.support.together", str(out), str(rank), *addresses]
            process = subprocess.Popen(
                command, cwd=PROJECT, stderr=subprocess.PIPE, text=True, start_new_session=True
            )
            started.append((out, stack.enter_context(ended(process))))
        yield started


def test_two_processes_learn_what_one_learns_with_the_double_batch(
    two: list[tuple[Path, "subprocess.Popen[str]"]],
) -> None:
    backend.prepare(THREADS)
    alone, result = learn(Collective(WorkerGroup()))
    shared = []
    for out, process in two:
        _, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, errors
        shared.append(np.load(out))
    for number, weights in enumerate(alone):
        first, second = (arrays[f"arr_{number}"] for arrays in shared)
        assert first.tobytes() == second.tobytes()
        assert np.abs(first - weights).max() < 1e-5
    for arrays in shared:
        assert arrays["figures"] == pytest.approx([result.loss, result.accuracy, result.steps], abs=1e-5)
        assert arrays["decision"] == "stop"
    assert result.steps == EPOCHS * (200 // BATCH)


def test_the_parts_are_each_batch_once() -> None:
    parts = [collective(rank, 2).shard(3, 4).tolist() for rank in range(2)]
    assert parts == [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 11]]


def test_a_batch_that_cannot_be_shared() -> None:
    with pytest.raises(ConfigError, match=r"batches of 32 cannot be shared equally by 3 .* multiple of 3"):
        collective(0, 3).shard(1, 32)


def test_alone_nothing_is_asked_of_others() -> None:
    alone = Collective(WorkerGroup())
    optimizer = object()
    assert alone.average_gradients(optimizer) is optimizer
    assert alone.all_reduce(Decision.STOP) is Decision.STOP
    assert alone.shard(2, 3).tolist() == list(range(6))


def test_another_process_that_is_gone() -> None:
    gone = backend.tensorflow.errors.UnavailableError(None, None, "The tasks have crashed")
    with (
        pytest.raises(UnavailableError, match="another process of this trial is gone or stuck"),
        collective_errors(),
    ):
        raise gone


def collective(rank: int, size: int) -> Collective:
    made = Collective(WorkerGroup())
    made.rank, made.size = rank, size
    return made
