from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist.errors import ConfigError
from fmnist.search.optuna.space import points
from tests.unit.search.experiments import experiment


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), few=st.integers(1, 5))
def test_points_follow_from_seed_and_number(seed: int, few: int) -> None:
    assert points(experiment(seed=seed), 8)[:few] == points(experiment(seed=seed), few)


def test_another_seed_gives_other_points() -> None:
    assert points(experiment(seed=1), 1) != points(experiment(seed=2), 1)


def test_trials_differ() -> None:
    assert len({point["optimizer"]["learning_rate"] for point in points(experiment(), 20)}) == 20


def test_a_point_does_not_depend_on_the_other_ranges() -> None:
    fewer = points(experiment(dropout=0.1), 3)
    assert [p["optimizer"] for p in points(experiment(), 3)] == [p["optimizer"] for p in fewer]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_points_lie_in_their_ranges(seed: int) -> None:
    for point in points(experiment(seed=seed), 3):
        assert point["batch_size"] in (64, 128, 256)
        assert 1e-3 <= point["optimizer"]["learning_rate"] <= 10**-1.8
        assert 0 <= point["dropout"] <= 0.3
        assert point["width"] in (8, 9, 10)
        assert (point["network"], point["epochs"], point["augmentation"]) == ("modern", 16, {"flip": 0.5})


def test_both_bounds_of_whole_numbers_are_drawn() -> None:
    assert {point["width"] for point in points(experiment(), 40)} == {8, 9, 10}


def test_log_is_uniform_in_the_exponent() -> None:
    drawn = [p["optimizer"]["learning_rate"] for p in points(experiment(), 200)]
    below = sum(value < 10**-2.4 for value in drawn)
    assert 70 <= below <= 130


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "int", "minval": 3, "maxval": 1}, "hyperparameters.width: minval 3 is above maxval 1"),
        ({"type": "categorical", "vals": [[1], [2]]}, r"hyperparameters.width.vals: \[1\] is a list"),
    ],
)
def test_a_range_that_cannot_be_drawn_from_is_named(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        points(experiment(width=spec), 1)
