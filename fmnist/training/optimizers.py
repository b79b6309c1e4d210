"""What turns gradients into steps."""

from typing import Any

from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.training.backend import keras
from fmnist.training.schedules import schedule


def optimizer(hyperparameters: Hyperparameters, steps: int) -> Any:
    """A ``keras.optimizers.Optimizer`` for a training of ``steps`` steps."""
    chosen = hyperparameters.optimizer
    rate = schedule(hyperparameters.schedule, chosen.learning_rate, steps)
    if chosen.name == "adam":
        return keras.optimizers.Adam(rate)
    if chosen.name == "sgd":
        made = keras.optimizers.SGD(
            rate, momentum=chosen.momentum, nesterov=True, weight_decay=chosen.weight_decay
        )
    else:
        made = keras.optimizers.AdamW(rate, weight_decay=chosen.weight_decay)
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made
