"""Optimizers, schedules and losses against their formulas."""

import math
from typing import Any

import numpy as np
import pytest

from fmnist.experiments.hyperparameters import Hyperparameters, Loss, Schedule
from fmnist.training.backend import keras
from fmnist.training.optim import balanced_weights, loss, optimizer, schedule
from tests.support.networks import MINIMAL


def rates(steps: int, **fields: Any) -> list[float]:
    made = schedule(Schedule.model_validate(fields), 0.8, steps)
    return [float(made(step)) for step in range(steps + 1)]


def test_cosine_rises_from_a_tenth_then_falls_to_the_final_share() -> None:
    rate = rates(100, name="cosine", warm_up=0.2, final=0.05)
    assert (rate[0], rate[20], rate[100]) == pytest.approx((0.08, 0.8, 0.04))
    assert np.diff(rate[:21]) == pytest.approx(0.72 / 20, rel=1e-4)
    assert rate[60] == pytest.approx(0.04 + (0.8 - 0.04) * (1 + math.cos(math.pi / 2)) / 2)


def test_without_warm_up_cosine_falls_from_the_start() -> None:
    rate = rates(10, name="cosine")
    assert rate[0] == pytest.approx(0.8)
    assert (np.diff(rate) < 0).all()


def test_multi_step_falls_at_its_milestones() -> None:
    rate = rates(100, name="multi_step", milestones=[0.5, 0.75], gamma=0.1)
    assert rate[:51] == pytest.approx([0.8] * 51)
    assert rate[51:76] == pytest.approx([0.08] * 25)
    assert rate[76:] == pytest.approx([0.008] * 25)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_an_optimizer_by_name(name: str) -> None:
    fields = {"name": name, "learning_rate": 0.1, "weight_decay": 0.5, "momentum": 0.5}
    made = optimizer(Hyperparameters.read({**MINIMAL, "optimizer": fields}), steps=10)
    weight, bias = (keras.Variable(np.ones(2, np.float32), name=name) for name in ("kernel", "bias"))
    for _ in range(2):
        made.apply([np.ones(2, np.float32), np.zeros(2, np.float32)], [weight, bias])
    first, second = 0.1, 0.1 * (1 + math.cos(math.pi / 10)) / 2
    expected = {
        # Nesterov: the gradient and half the last velocity, once more.
        "sgd": ((1 - 0.5 * first) - 1.5 * first) * (1 - 0.5 * second) - second - 0.5 * (second + 0.5 * first),
        "adam": 1 - first - second,
        "adamw": ((1 - 0.5 * first) - first) * (1 - 0.5 * second) - second,
    }
    assert float(weight.numpy()[0]) == pytest.approx(expected[name], abs=1e-5)
    assert bias.numpy().tolist() == [1, 1]


def test_the_focal_loss_cares_less_for_what_is_easy() -> None:
    truth = np.eye(2, dtype=np.float32)[[0]]
    said = np.array([[0.9, 0.1]], np.float32)
    plain, same, focal = (
        float(loss(Loss.model_validate(fields))(truth, said))
        for fields in (
            {"name": "cross_entropy"},
            {"name": "focal", "gamma": 0},
            {"name": "focal", "gamma": 2},
        )
    )
    assert plain == pytest.approx(-math.log(0.9), abs=1e-5)
    assert same == pytest.approx(plain, abs=1e-6)
    assert focal == pytest.approx(0.1**2 * plain, abs=1e-6)


def test_smoothing_asks_for_less_than_certainty() -> None:
    truth = np.eye(10, dtype=np.float32)[[3]]
    said = np.full((1, 10), 0.01, np.float32)
    said[0, 3] = 0.91
    value = float(loss(Loss(name="cross_entropy", label_smoothing=0.1))(truth, said))
    assert value == pytest.approx(-0.91 * math.log(0.91) - 0.09 * math.log(0.01), abs=1e-5)


def test_balanced_weights_make_the_classes_count_alike() -> None:
    labels = np.array([0] * 8 + [1] * 2, np.uint8)
    weights = balanced_weights(labels)
    assert weights[:8].sum() == pytest.approx(weights[8:].sum())
    assert weights.mean() == pytest.approx(1)
