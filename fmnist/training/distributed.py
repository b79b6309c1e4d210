"""Several processes that train one model together, each learning its part of every batch.

Each has the whole model, made from the same seed. The gradients are averaged by one collective
operation per step, and every process then makes the same update. Keras 3 does not train within
TensorFlow's multi-worker strategy (keras#20585), and on TensorFlow its own distribution API knows
no other process; docs/cluster-training.md has what they said.
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
from fmnist.training.workers import Team

# The strategy numbers groups of its own from 1.
_GROUP = 1000
# The first process stores checkpoints while the others wait.
_SECONDS = 1800.0


class Collective:
    """What a process does with the others of its team; alone, nothing.

    All processes must call the same methods in the same order.
    """

    def __init__(self, team: Team) -> None:
        """Connect to the others; before TensorFlow computes anything."""
        self.rank = team.rank
        self.size = team.size
        self._instances = count(1)
        self._strategy = _connect(team) if self.size > 1 else None

    def part(self, steps: int, batch: int) -> NDArray[np.int64]:
        """The rows that this process learns, [steps * batch / size], of batches one after another.

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

    def averaging(self, optimizer: Any) -> Any:
        """``optimizer``, now with the mean of all processes' gradients in each step."""
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
        # In one operation: several could start in another order in each process, and wait for ever.
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

    def agreed(self, decision: Decision) -> Decision:
        """Stop where any process wants to; waits for all of them.

        Raises:
            UnavailableError: one of them is gone or stuck.
        """
        with others_needed():
            (stopping,) = self.mean([float(decision is Decision.STOP)])
        return Decision.STOP if float(stopping) else Decision.CONTINUE


@contextmanager
def others_needed() -> Iterator[None]:
    """TensorFlow's errors where another process is gone or stuck, as ours."""
    errors = tensorflow.errors
    try:
        yield
    except (errors.AbortedError, errors.DeadlineExceededError, errors.UnavailableError) as error:
        raise UnavailableError(
            "training together: another process of this trial is gone or stuck; see what it said last"
        ) from error


def _connect(team: Team) -> Any:
    """TensorFlow's strategy, of which only the start is wanted.

    It starts a server for collective operations in this process, and watches the others as long as
    it lives: when one is gone, what waits for it fails.
    """
    distribute = tensorflow.distribute
    cluster = distribute.cluster_resolver.SimpleClusterResolver(
        tensorflow.train.ClusterSpec({"worker": list(team.addresses)}), task_type="worker", task_id=team.rank
    )
    return distribute.MultiWorkerMirroredStrategy(cluster_resolver=cluster)
