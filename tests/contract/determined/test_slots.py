"""A trial with two slots, as the processes that Determined's agent would start."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from determined import _info

from fmnist.core.fashion_mnist import TRAIN
from fmnist.data.formats.idx import write_idx
from fmnist.data.synthetic import draw
from fmnist.settings import from_environment
from fmnist.training.determined import slots
from fmnist.training.job import SINGLE_WORKER
from fmnist.wiring import data_store
from tests.support.determined import task
from tests.support.determined.server import Master
from tests.support.determined.trials import SINGLE, schedule
from tests.support.networks import SMALL

SECONDS = 280
HPARAMS = {
    **SMALL,
    "schedule": {"name": "cosine"},
    "loss": {"name": "cross_entropy"},
    "augmentation": {"flip": 0.5},
}


def test_the_slots_of_a_trial_train_together_and_the_first_speaks(master: Master, tmp_path: Path) -> None:
    garments = draw(200, seed=1)
    (tmp_path / TRAIN.images.name).write_bytes(write_idx(garments.images))
    (tmp_path / TRAIN.labels.name).write_bytes(write_idx(garments.labels))
    home = tmp_path / "home"
    files = {file.name: tmp_path / file.name for file in TRAIN.files}
    data_store(from_environment({"FMNIST_HOME": str(home)})).put(TRAIN.repo, files, "garments")
    record = schedule(master, SINGLE)
    record.hparams = HPARAMS

    process = task.start(replace(task.allocate(master, record), slots=2), home)
    try:
        output, _ = process.communicate(timeout=SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, output
    assert output.count("epoch 1/2") == 1
    (first, _), (last, figures) = record.series("validation")
    assert (last, figures["epochs"]) == (2 * first, 2)
    kept = list(master.records.checkpoints.values())
    assert [own.steps for own in kept] == [first, last]
    assert "bundle/model.onnx" in kept[-1].resources
    assert len([path for path in master.requests if path.startswith("POST") and "/metrics" in path]) == 4


def info(addresses: list[str], rank: int, counts: list[int], slot_ids: list[int]) -> _info.ClusterInfo:
    return _info.ClusterInfo(
        master_url="http://127.0.0.1:1",
        cluster_id="cluster-1",
        agent_id="agent-1",
        slot_ids=slot_ids,
        task_id="1.task",
        allocation_id="1.task.1",
        session_token="token",
        task_type="TRIAL",
        rendezvous_info=_info.RendezvousInfo(addresses, rank, counts),
    )


def test_one_process_for_each_slot() -> None:
    two = info(["127.0.0.1"], 0, [2], [2, 3])
    assert slots.environments(two, {}) == [
        {"FMNIST_SLOT": "0", "CUDA_VISIBLE_DEVICES": "0"},
        {"FMNIST_SLOT": "1", "CUDA_VISIBLE_DEVICES": "1"},
    ]
    chosen = slots.environments(two, {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"})
    assert [each["CUDA_VISIBLE_DEVICES"] for each in chosen] == ["GPU-a", "GPU-b"]
    assert slots.environments(two, {"FMNIST_SLOT": "1"}) == []
    team = slots.worker_group(two, {"FMNIST_SLOT": "1", "C10D_PORT": "700"})
    assert (team.addresses, team.rank) == (("127.0.0.1:702", "127.0.0.1:703"), 1)


@pytest.mark.parametrize("slot_ids", [[], [0]])
def test_a_trial_with_one_slot_starts_nothing(slot_ids: list[int]) -> None:
    one = info(["127.0.0.1"], 0, [len(slot_ids)], slot_ids)
    assert slots.environments(one, {}) == []
    assert slots.worker_group(one, {}) == SINGLE_WORKER
    assert slots.distributed(one, SINGLE_WORKER, {}) is None


def test_slots_on_several_machines() -> None:
    second = info(["10.0.0.1", "10.0.0.2"], 1, [2, 1], [0])
    assert slots.environments(second, {}) == []
    team = slots.worker_group(second, {})
    assert team.addresses == ("10.0.0.1:29400", "10.0.0.1:29401", "10.0.0.2:29400")
    assert team.rank == 2
