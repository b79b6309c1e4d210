"""Loss, class weights, optimizer and learning-rate schedule.

All are Keras's own classes, so that ``model.keras`` loads without this package.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.experiments.hyperparameters import Hyperparameters, Loss, Schedule
from fmnist.training.backend import keras


def loss(chosen: Loss) -> Any:
    """A ``keras.losses.Loss`` of one-hot labels and probabilities."""
    if chosen.name == "focal":
        # Keras's alpha weighs all classes alike: no more than another learning rate.
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=chosen.gamma, label_smoothing=chosen.label_smoothing
        )
    return keras.losses.CategoricalCrossentropy(label_smoothing=chosen.label_smoothing)


def balanced_weights(labels: Labels) -> NDArray[np.float32]:
    """A weight for each label, [n]: the inverse of its class's share, 1 on average."""
    counts = np.bincount(labels, minlength=len(CLASSES))
    present = np.count_nonzero(counts)
    weights: NDArray[np.float32] = (len(labels) / (present * counts[labels])).astype(np.float32)
    return weights


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


def schedule(chosen: Schedule, highest: float, steps: int) -> Any:
    """A ``keras.optimizers.schedules.LearningRateSchedule`` over ``steps`` steps, at most ``highest``."""
    if chosen.name == "multi_step":
        return _multi_step(chosen, highest, steps)
    return _cosine(chosen, highest, steps)


def _cosine(chosen: Schedule, highest: float, steps: int) -> Any:
    warm_up = int(steps * chosen.warm_up)
    decay = max(1, steps - warm_up)
    if not warm_up:
        return keras.optimizers.schedules.CosineDecay(highest, decay, alpha=chosen.final)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=highest / 10,
        warmup_target=highest,
        warmup_steps=warm_up,
        decay_steps=decay,
        alpha=chosen.final,
    )


def _multi_step(chosen: Schedule, highest: float, steps: int) -> Any:
    boundaries = [int(steps * share) for share in chosen.milestones]
    rates = [highest * chosen.gamma**number for number in range(len(boundaries) + 1)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, rates)
