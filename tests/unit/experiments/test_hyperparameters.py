import re
from typing import Any

import pytest

from fmnist.errors import ConfigError
from fmnist.experiments import load_experiment, nested
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.settings import PROJECT

NEEDED = {
    "network": "modern",
    "width": 8,
    "dropout": 0.0,
    "epochs": 1,
    "batch_size": 8,
    "val_size": 0.1,
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "schedule": {"name": "cosine"},
    "loss": {"name": "cross_entropy"},
}


def test_what_is_left_out_is_off() -> None:
    read = Hyperparameters.read(NEEDED)
    assert set(read.augmentation.model_dump().values()) == {0}
    assert read.class_weights == "none"
    assert (read.optimizer.weight_decay, read.schedule.warm_up, read.loss.label_smoothing) == (0, 0, 0)


def test_fields_of_another_choice_may_be_there() -> None:
    read = Hyperparameters.read(
        {
            **NEEDED,
            "schedule": {"name": "cosine", "milestones": [0.5], "gamma": 0.2},
            "loss": {"name": "cross_entropy", "gamma": 1},
        }
    )
    assert read.schedule.milestones == (0.5,)


@pytest.mark.parametrize("name", NEEDED)
def test_the_rest_is_needed(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^hyperparameters\.{name}: Field required$"):
        Hyperparameters.read({key: value for key, value in NEEDED.items() if key != name})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "augmentation.flip",
            2,
            "hyperparameters.augmentation.flip: Input should be less than or equal to 1",
        ),
        ("augmentation.flop", 1, "hyperparameters.augmentation.flop: Extra inputs"),
        (
            "optimizer.name",
            "adamax",
            "hyperparameters.optimizer.name: Input should be 'sgd', 'adam' or 'adamw'",
        ),
        ("optimizer.learning_rate", 0, "hyperparameters.optimizer.learning_rate: Input should be greater"),
        ("optimizer.momentum", 1, "hyperparameters.optimizer.momentum: Input should be less than 1"),
        ("schedule.name", "multi_step", "hyperparameters.schedule.milestones: multi_step needs at least one"),
        (
            "schedule.milestones",
            [0.7, 0.5],
            "hyperparameters.schedule.milestones: [0.7, 0.5] are not ascending",
        ),
        ("schedule.milestones", [30], "hyperparameters.schedule.milestones.0: Input should be less than 1"),
        ("loss", "focal", "hyperparameters.loss: Input should be a valid dictionary"),
        ("class_weights", None, "hyperparameters.class_weights: Input should be 'none' or 'balanced'"),
        ("heigth", 3, "hyperparameters.heigth: Extra inputs"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, message: str) -> None:
    section, _, name = field.partition(".")
    known = NEEDED.get(section, {})
    changed = {**known, name: value} if name and isinstance(known, dict) else value
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        Hyperparameters.read({**NEEDED, section: changed})


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match=r"hyperparameters\.width: .*; hyperparameters\.loss\.name: "):
        Hyperparameters.read({**NEEDED, "width": 1, "loss": {"name": "hinge"}})


def test_the_experiment_files_hold_hyperparameters() -> None:
    const = load_experiment(PROJECT / "const.yaml").constants()
    assert Hyperparameters.read(const).model_dump().keys() >= const.keys()
    adaptive = load_experiment(PROJECT / "adaptive.yaml").hyperparameters
    assert set(nested(adaptive)) <= set(Hyperparameters.model_fields)
