"""Trials with several slots: one process for each slot, which train together.

Determined's own launchers do not fit: for TensorFlow it starts one process per container, for a
strategy that Keras 3 does not train in; the others start through PyTorch, Horovod or DeepSpeed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from determined import constants
from determined._info import ClusterInfo
from determined.core._distributed import DistributedContext

from fmnist.core.signals import end_when_closed
from fmnist.training.job import SINGLE_WORKER, WorkerGroup

_SLOT = "FMNIST_SLOT"
_PORT = "C10D_PORT"
_FIRST_PORT = "29400"
_PARENT_PIPE = "FMNIST_PARENT_PIPE"
_SECONDS_TO_END = 30
_POLL_SECONDS = 0.5


def environments(info: ClusterInfo, environ: Mapping[str, str] = os.environ) -> list[dict[str, str]]:
    """Environment variables of each process to start; empty if this process is enough."""
    slots = len(info.slot_ids)
    if slots < 2 or _SLOT in environ:
        return []
    devices = environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if len(devices) != slots:
        devices = [str(slot) for slot in range(slots)]
    return [{_SLOT: str(slot), "CUDA_VISIBLE_DEVICES": devices[slot]} for slot in range(slots)]


def run_each(environments: Sequence[Mapping[str, str]]) -> int:
    """Run this process's command once more with each of ``environments`` added; wait for all.

    When one of them fails, or this process is terminated, the others are terminated. If this process is
    killed, they end by themselves (see ``end_with_parent``).

    Returns:
        0, or the exit code of the first that failed.
    """
    command = [sys.executable, *sys.orig_argv[1:]]
    theirs, ours = os.pipe()
    common = {**os.environ, _PARENT_PIPE: str(theirs)}
    children: list[subprocess.Popen[bytes]] = []
    try:
        for environment in environments:
            children.append(subprocess.Popen(command, env={**common, **environment}, pass_fds=[theirs]))
        while None in (codes := [child.poll() for child in children]) and not any(codes):
            time.sleep(_POLL_SECONDS)
    finally:
        for child in children:
            _end(child)
        os.close(theirs)
        os.close(ours)
    failed = next((code for code in codes if code), 0)
    return failed if failed >= 0 else 128 - failed


def end_with_parent() -> None:
    """In a process that ``run_each`` started: end at once when the parent is killed."""
    pipe = os.environ.pop(_PARENT_PIPE, None)
    if pipe:
        end_when_closed(int(pipe))


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def worker_group(info: ClusterInfo, environ: Mapping[str, str] = os.environ) -> WorkerGroup:
    """The processes of the trial, with this process's rank.

    They listen from port ``C10D_PORT`` on, as with Determined's launchers, which gives each trial on a
    machine other ports.
    """
    first = int(environ.get(_PORT, _FIRST_PORT))
    hosts, counts = info.container_addrs, info.container_slot_counts
    if len(hosts) == 1:
        addresses = [f"127.0.0.1:{first + slot}" for slot in info.slot_ids]
    else:
        # A trial on several machines has all slots of each.
        addresses = [
            f"{host}:{first + slot}"
            for host, count in zip(hosts, counts, strict=True)
            for slot in range(max(1, count))
        ]
    if len(addresses) < 2:
        return SINGLE_WORKER
    before = sum(max(1, count) for count in counts[: info.container_rank])
    return WorkerGroup(tuple(addresses), before + _slot(environ))


def distributed(info: ClusterInfo, group: WorkerGroup, environ: Mapping[str, str] = os.environ) -> Any:
    """Determined's description of the group; None for a single process."""
    if group.size == 1:
        return None
    offset = info.slot_ids[0] if info.slot_ids and len(info.container_addrs) == 1 else 0
    return DistributedContext(
        rank=group.rank,
        size=group.size,
        local_rank=_slot(environ),
        local_size=max(1, len(info.slot_ids)),
        cross_rank=info.container_rank,
        cross_size=len(info.container_addrs),
        chief_ip=info.container_addrs[0],
        pub_port=constants.INTER_TRAIN_PROCESS_COMM_PORT_1 + offset,
        pull_port=constants.INTER_TRAIN_PROCESS_COMM_PORT_2 + offset,
    )


def _slot(environ: Mapping[str, str]) -> int:
    return int(environ.get(_SLOT, "0"))
