from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution

from fmnist.search.optuna.space import distributions, points
from tests.support.experiments import experiment


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), few=st.integers(1, 5))
def test_points_follow_from_seed_and_number(seed: int, few: int) -> None:
    assert points(experiment(seed=seed), 8)[:few] == points(experiment(seed=seed), few)


def test_another_seed_gives_other_points() -> None:
    assert points(experiment(seed=1), 1) != points(experiment(seed=2), 1)


def test_trials_differ() -> None:
    assert len({point["optimizer.learning_rate"] for point in points(experiment(), 20)}) == 20


def test_a_point_does_not_depend_on_the_other_ranges() -> None:
    fewer = points(experiment(dropout=0.1), 3)
    assert [p["optimizer.learning_rate"] for p in points(experiment(), 3)] == [
        p["optimizer.learning_rate"] for p in fewer
    ]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_points_lie_in_their_ranges(seed: int) -> None:
    for point in points(experiment(seed=seed), 3):
        assert point["batch_size"] in (64, 128, 256)
        assert 1e-3 <= point["optimizer.learning_rate"] <= 10**-1.8
        assert 0 <= point["dropout"] <= 0.3
        assert point["width"] in (8, 9, 10)
        assert (point["network"], point["epochs"], point["augmentation.flip"]) == ("modern", 16, 0.5)


def test_both_bounds_of_whole_numbers_are_drawn() -> None:
    assert {point["width"] for point in points(experiment(), 40)} == {8, 9, 10}


def test_log_is_uniform_in_the_exponent() -> None:
    drawn = [p["optimizer.learning_rate"] for p in points(experiment(), 200)]
    below = sum(value < 10**-2.4 for value in drawn)
    assert 70 <= below <= 130


def test_values_that_are_lists_or_mappings_are_drawn_whole_and_recorded_as_json() -> None:
    vals = [[1, 2], {"a": 1}, True, 1, None]
    made = experiment(dropout={"type": "categorical", "vals": vals})
    drawn = [point["dropout"] for point in points(made, 60)]
    assert all(
        any(value is val or (value == val and type(value) is type(val)) for val in vals) for value in drawn
    )
    assert {str(value) for value in drawn} == {str(val) for val in vals}
    recorded = distributions(made)["dropout"]
    assert isinstance(recorded, CategoricalDistribution)
    assert recorded.choices == ("[1, 2]", '{"a": 1}', True, 1, None)


def test_a_base_below_one_turns_the_bounds_round() -> None:
    made = experiment(dropout={"type": "log", "base": 0.5, "minval": 1, "maxval": 3})
    assert all(0.125 <= point["dropout"] <= 0.5 for point in points(made, 10))
