"""Learning rates over a training's steps, all Keras's own, so that ``model.keras`` loads without us."""

from typing import Any

from fmnist.experiments.hyperparameters import Schedule
from fmnist.training.backend import keras


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
