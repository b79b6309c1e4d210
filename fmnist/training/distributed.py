"""Synchronous training of one model by several processes, each on its shard of every batch.

Each has the whole model, built from the same seed. The gradients are averaged by one collective
operation per step, and every process then makes the same update. Keras 3 does not train within
TensorFlow's multi-worker strategy (keras#20585), and on TensorFlow its own distribution API knows
no other process; docs/cluster-training.md has the details.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.errors import ConfigError, UnavailableError
from fmnist.tracking.base import Decision
from fmnist.training.backend import tensorflow
from fmnist.training.job import WorkerGroup

# TensorFlow's strategy numbers its own groups from 1.
_GROUP = 1000
# The first process stores checkpoints while the others wait.
_SECONDS = 1800.0


class Collective:
    """Collective operations of a worker group; of a single process, no-ops.

    All processes must call the same methods in the same order.
    """

    def __init__(self, group: WorkerGroup) -> None:
        """Connect to the other processes; call it before TensorFlow computes anything."""
        self.rank = group.rank
        self.size = group.size
        self._instances = count(1)
        self._strategy = _connect(group) if self.size > 1 else None

    def shard(self, steps: int, batch: int) -> NDArray[np.int64]:
        """Indices of the rows that this process trains on, int64 [steps * batch / size], batch after batch.

        Raises:
            ConfigError: a batch cannot be divided equally.
        """
        if batch % self.size:
            raise ConfigError(
                f"hyperparameters.batch_size: batches of {batch} cannot be shared equally by {self.size} "
                f"processes (resources.slots_per_trial); take a multiple of {self.size}"
            )
        rows = np.arange(steps * batch).reshape(steps, self.size, batch // self.size)
        return rows[:, self.rank].ravel()

    def average_gradients(self, optimizer: Any) -> Any:
        """Make ``optimizer`` apply the mean of all processes' gradients in each step; returns it."""
        if self.size > 1:
            apply = optimizer.apply

            def averaged(gradients: Sequence[Any], variables: Any = None) -> Any:
                return apply(self.mean(gradients), variables)

            optimizer.apply = averaged
        return optimizer

    def mean(self, values: Sequence[Any]) -> list[Any]:
        """The mean over the processes of each float32 tensor, bit-identical in all of them."""
        if self.size == 1 or not values:
            return list(values)
        tensors = [tensorflow.convert_to_tensor(value, tensorflow.float32) for value in values]
        # In one operation: several could start in different orders in the processes and deadlock.
        total = tensorflow.raw_ops.CollectiveReduceV2(
            input=tensorflow.concat([tensorflow.reshape(tensor, [-1]) for tensor in tensors], 0),
            group_size=self.size,
            group_key=_GROUP,
            instance_key=next(self._instances),
            ordering_token=[],
            merge_op="Add",
            final_op="Id",
            timeout_seconds=_SECONDS,
        )
        parts = tensorflow.split(total / self.size, [tensor.shape.num_elements() for tensor in tensors])
        return [tensorflow.reshape(part, tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

    def all_reduce(self, decision: Decision) -> Decision:
        """Stop if any process decided to stop; waits for all of them.

        Raises:
            UnavailableError: a process is gone or stuck.
        """
        with collective_errors():
            (stopping,) = self.mean([float(decision is Decision.STOP)])
        return Decision.STOP if float(stopping) else Decision.CONTINUE


@contextmanager
def collective_errors() -> Iterator[None]:
    """Map TensorFlow's errors about a process that is gone or stuck to UnavailableError."""
    errors = tensorflow.errors
    try:
        yield
    except (errors.AbortedError, errors.DeadlineExceededError, errors.UnavailableError) as error:
        raise UnavailableError(
            "distributed training: another process of this trial is gone or stuck; see the end of its log"
        ) from error


def _connect(group: WorkerGroup) -> Any:
    """Start TensorFlow's server for collective operations; returns the strategy that owns it.

    As long as the strategy lives it watches the other processes: when one is gone, operations that wait
    for it fail. Nothing else of it is used.
    """
    distribute = tensorflow.distribute
    cluster = distribute.cluster_resolver.SimpleClusterResolver(
        tensorflow.train.ClusterSpec({"worker": list(group.addresses)}),
        task_type="worker",
        task_id=group.rank,
    )
    return distribute.MultiWorkerMirroredStrategy(cluster_resolver=cluster)
