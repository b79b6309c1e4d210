import re
from typing import Any

import pytest

from fmnist.errors import ConfigError
from fmnist.experiments import load_experiment, nested
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.settings import PROJECT
from tests.support.networks import MINIMAL


def test_what_is_left_out_is_off() -> None:
    read = Hyperparameters.read(MINIMAL)
    assert set(read.augmentation.model_dump().values()) == {0}
    assert read.class_weights == "none"
    assert (read.optimizer.weight_decay, read.schedule.warm_up, read.loss.label_smoothing) == (0, 0, 0)


def test_fields_of_another_choice_may_be_there() -> None:
    read = Hyperparameters.read(
        {
            **MINIMAL,
            "schedule": {"name": "cosine", "milestones": [0.5], "gamma": 0.2},
            "loss": {"name": "cross_entropy", "gamma": 1},
        }
    )
    assert read.schedule.milestones == (0.5,)


@pytest.mark.parametrize("name", MINIMAL)
def test_the_rest_is_needed(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^hyperparameters\.{name}: is missing$"):
        Hyperparameters.read({key: value for key, value in MINIMAL.items() if key != name})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "augmentation.flip",
            2,
            "hyperparameters.augmentation.flip: must be at most 1, found 2",
        ),
        (
            "augmentation.flop",
            1,
            "hyperparameters.augmentation.flop: there is no such key; did you mean flip",
        ),
        (
            "optimizer.name",
            "adamax",
            "hyperparameters.optimizer.name: expected 'sgd', 'adam' or 'adamw', found 'adamax'",
        ),
        (
            "optimizer.learning_rate",
            0,
            "hyperparameters.optimizer.learning_rate: must be more than 0",
        ),
        ("optimizer.momentum", 1, "hyperparameters.optimizer.momentum: must be less than 1, found 1"),
        ("schedule.name", "multi_step", "hyperparameters.schedule.milestones: multi_step needs at least one"),
        (
            "schedule.milestones",
            [0.7, 0.5],
            "hyperparameters.schedule.milestones: [0.7, 0.5] are not ascending",
        ),
        ("schedule.milestones", [30], "hyperparameters.schedule.milestones.0: must be less than 1, found 30"),
        ("loss", "focal", "hyperparameters.loss: expected a mapping, found 'focal'"),
        ("class_weights", None, "hyperparameters.class_weights: expected 'none' or 'balanced', found null"),
        ("heigth", 3, "hyperparameters.heigth: there is no such key; "),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, message: str) -> None:
    section, _, name = field.partition(".")
    known = MINIMAL.get(section, {})
    changed = {**known, name: value} if name and isinstance(known, dict) else value
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        Hyperparameters.read({**MINIMAL, section: changed})


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match=r"hyperparameters\.width: .*\nhyperparameters\.loss\.name: "):
        Hyperparameters.read({**MINIMAL, "width": 1, "loss": {"name": "hinge"}})


def test_the_experiment_files_hold_hyperparameters() -> None:
    const = load_experiment(PROJECT / "const.yaml").constants()
    assert Hyperparameters.read(const).model_dump().keys() >= const.keys()
    adaptive = load_experiment(PROJECT / "adaptive.yaml").hyperparameters
    assert set(nested(adaptive)) <= set(Hyperparameters.model_fields)
