"""A trial with several slots: one process for each, which train together.

Determined's own launchers do not fit: for TensorFlow it starts one process per container, for a
strategy that Keras 3 does not train in; the others start through PyTorch, Horovod or DeepSpeed.
"""

import os
from collections.abc import Mapping
from typing import Any

from determined import constants
from determined._info import ClusterInfo
from determined.core._distributed import DistributedContext

from fmnist.training.workers import ALONE, Team

_SLOT = "FMNIST_SLOT"
_PORT = "C10D_PORT"
_FIRST_PORT = "29400"


def environments(info: ClusterInfo, environ: Mapping[str, str] = os.environ) -> list[dict[str, str]]:
    """What differs in the environment of each process that is to be started; none if this one is enough."""
    slots = len(info.slot_ids)
    if slots < 2 or _SLOT in environ:
        return []
    devices = environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if len(devices) != slots:
        devices = [str(slot) for slot in range(slots)]
    return [{_SLOT: str(slot), "CUDA_VISIBLE_DEVICES": devices[slot]} for slot in range(slots)]


def team(info: ClusterInfo, environ: Mapping[str, str] = os.environ) -> Team:
    """Who trains together, with this process's rank.

    They listen from port ``C10D_PORT`` on, as with Determined's launchers; each trial on a machine at
    other ones.
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
        return ALONE
    before = sum(max(1, count) for count in counts[: info.container_rank])
    return Team(tuple(addresses), before + _slot(environ))


def distributed(info: ClusterInfo, own: Team, environ: Mapping[str, str] = os.environ) -> Any:
    """Determined's view of the same; None for a process alone."""
    if own.size == 1:
        return None
    offset = info.slot_ids[0] if info.slot_ids and len(info.container_addrs) == 1 else 0
    return DistributedContext(
        rank=own.rank,
        size=own.size,
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
