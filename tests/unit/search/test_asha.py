from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist.experiments import AdaptiveAsha, load_experiment
from fmnist.search.asha import FAILED, Bracket, Plan, passes_rung, places, plan_of, rungs
from fmnist.settings import PROJECT
from tests.support.experiments import ASHA, RANDOM, SHARED, experiment

METRICS = st.floats(0, 1)
DIVISORS = st.floats(1.1, 8)


def plan(**searcher: Any) -> Plan:
    return plan_of(experiment({**ASHA, **searcher}))


@pytest.mark.parametrize(
    ("searcher", "expected"),
    [
        ({"max_time": 4, "max_trials": 8}, {1: 5, 4: 3}),
        ({"max_time": 4, "max_trials": 8, "divisor": 2, "mode": "aggressive"}, {1: 4, 2: 2, 4: 2}),
    ],
)
def test_preview_is_the_one_a_real_master_gave(searcher: dict[str, Any], expected: dict[int, int]) -> None:
    assert plan(**searcher).preview() == expected


@pytest.mark.parametrize(
    ("searcher", "expected"),
    [
        ({"max_time": 100, "max_trials": 10}, [Bracket((25, 100), 7), Bracket((100,), 3)]),
        (
            {"max_time": 1000, "max_trials": 10, "divisor": 3, "mode": "conservative"},
            [Bracket((111, 333, 1000), 7), Bracket((333, 1000), 2), Bracket((1000,), 1)],
        ),
        ({"max_time": 16, "max_trials": 16, "max_rungs": 1}, [Bracket((16,), 16)]),
        ({"max_time": 1, "max_trials": 5}, [Bracket((1,), 5)]),
        ({"max_time": 16, "max_trials": 1}, [Bracket((16,), 1)]),
    ],
)
def test_brackets(searcher: dict[str, Any], expected: list[Bracket]) -> None:
    assert list(plan(**searcher).brackets) == expected


@pytest.mark.parametrize(
    ("number", "divisor", "max_time", "expected"),
    [
        (3, 3, 9, (1, 3, 9)),
        (4, 2, 10, (1, 2, 5, 10)),
        (1, 3, 9, (9,)),
        (3, 4, 16, (1, 4, 16)),
        (3, 4, 20, (1, 5, 20)),
    ],
)
def test_rungs_are_counted_from_the_top(
    number: int, divisor: float, max_time: int, expected: tuple[int, ...]
) -> None:
    assert rungs(number, divisor, max_time) == expected


@settings(deadline=None)
@given(
    max_time=st.integers(1, 200),
    max_trials=st.integers(1, 100),
    divisor=DIVISORS,
    max_rungs=st.integers(1, 6),
    mode=st.sampled_from(["aggressive", "standard", "conservative"]),
)
def test_any_plan_is_whole(max_time: int, max_trials: int, divisor: float, max_rungs: int, mode: str) -> None:
    made = plan(max_time=max_time, max_trials=max_trials, divisor=divisor, max_rungs=max_rungs, mode=mode)
    assert made.trials == max_trials == sum(made.preview().values())
    assert all(bracket.rungs[-1] == max_time for bracket in made.brackets)
    assert all(list(bracket.rungs) == sorted(bracket.rungs) for bracket in made.brackets)
    assert [made.bracket_of.count(number) for number in range(len(made.brackets))] == [
        bracket.trials for bracket in made.brackets
    ]


def test_brackets_take_turns_until_they_are_full() -> None:
    assert plan(max_time=4, max_trials=8).bracket_of == (0, 1, 0, 1, 0, 0, 0, 0)


def test_random_runs_every_trial_to_its_end() -> None:
    made = plan_of(experiment({**RANDOM, "max_trials": 3}, epochs=16))
    assert made.brackets == (Bracket((16,), 3),)
    assert made.preview() == {16: 3}


def test_single_is_one_trial_to_its_end() -> None:
    assert plan_of(experiment({**SHARED, "name": "single"}, epochs=16)).preview() == {16: 1}


@given(metric=METRICS, divisor=DIVISORS)
def test_the_first_at_a_rung_goes_on(metric: float, divisor: float) -> None:
    assert passes_rung(metric, [], divisor)


@given(metric=METRICS, better=METRICS, others=st.lists(METRICS), divisor=DIVISORS)
def test_a_better_metric_never_turns_going_on_into_stopping(
    metric: float, better: float, others: list[float], divisor: float
) -> None:
    metric, better = sorted((metric, better))
    assert passes_rung(better, others, divisor) or not passes_rung(metric, others, divisor)


@given(others=st.lists(METRICS), divisor=DIVISORS)
def test_the_best_so_far_goes_on(others: list[float], divisor: float) -> None:
    assert passes_rung(max(others, default=0.0), others, divisor)


@given(metric=METRICS, others=st.lists(METRICS, max_size=30), divisor=DIVISORS, seed=st.randoms())
def test_the_order_of_the_others_does_not_matter(
    metric: float, others: list[float], divisor: float, seed: Any
) -> None:
    shuffled = seed.sample(others, len(others))
    assert passes_rung(metric, others, divisor) == passes_rung(metric, shuffled, divisor)


@given(metric=METRICS, others=st.lists(METRICS), divisor=DIVISORS)
def test_a_failed_trial_never_makes_another_stop(metric: float, others: list[float], divisor: float) -> None:
    assert passes_rung(metric, [*others, FAILED], divisor) or not passes_rung(metric, others, divisor)


@given(metrics=st.lists(METRICS, min_size=1, max_size=40, unique=True), divisor=DIVISORS)
def test_never_more_than_the_best_are_let_through_when_they_come_best_first(
    metrics: list[float], divisor: float
) -> None:
    through = 0
    for number, metric in enumerate(sorted(metrics, reverse=True)):
        through += passes_rung(metric, sorted(metrics, reverse=True)[:number], divisor)
    assert through <= places(len(metrics), divisor)


class Rung:
    """A rung as the master keeps it: metrics sorted, smallest best (``asha_stopping.go``, 0.38.1)."""

    def __init__(self) -> None:
        self._metrics: list[float] = []

    def lets_through(self, accuracy: float, divisor: float) -> bool:
        at = bisect_left(self._metrics, -accuracy)
        self._metrics.insert(at, -accuracy)
        return at < max(int(len(self._metrics) / divisor), 1)


@settings(deadline=None)
@given(
    curves=st.lists(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.9]) | METRICS, min_size=3, max_size=3)),
    divisor=DIVISORS,
)
def test_curves_are_stopped_where_the_master_stops_them(curves: list[list[float]], divisor: float) -> None:
    rung_of = [Rung(), Rung(), Rung()]
    others: list[list[float]] = [[], [], []]
    for curve in curves:
        for number, metric in enumerate(curve):
            through = passes_rung(metric, others[number], divisor)
            others[number].append(metric)
            assert through == rung_of[number].lets_through(metric, divisor)
            if not through:
                break


def test_brackets_may_be_given() -> None:
    given_ = plan(max_time=16, max_trials=10, bracket_rungs=[1, 3])
    assert [bracket.rungs for bracket in given_.brackets] == [(1, 4, 16), (16,)]
    assert given_.trials == 10


def test_the_shipped_file_is_planned() -> None:
    shipped = load_experiment(PROJECT / "adaptive.yaml")
    assert isinstance(shipped.searcher, AdaptiveAsha)
    assert plan_of(shipped).trials == shipped.searcher.max_trials
