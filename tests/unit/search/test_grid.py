"""What ``master/pkg/searcher/grid_test.go`` of Determined 0.38.1 expects, and the order of its trials."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist.errors import ConfigError
from fmnist.experiments import Experiment
from fmnist.search.asha import plan_of
from fmnist.search.grid import grid, size
from fmnist.search.optuna.study import Study
from tests.support import experiments

GRID = {**experiments.SHARED, "name": "grid"}


def of(**hyperparameters: Any) -> Experiment:
    content = {"entrypoint": "true", "name": "grid", "searcher": GRID}
    return Experiment.model_validate({**content, "hyperparameters": {"epochs": 1, **hyperparameters}})


def values(name: str, **spec: Any) -> list[Any]:
    return [point[name] for point in reversed(grid(of(**{name: spec})))]


def test_the_last_name_changes_fastest_and_trials_come_from_the_end() -> None:
    made = of(
        b={"type": "int", "minval": 0, "maxval": 10, "count": 3},
        a={"type": "int", "minval": 0, "maxval": 20, "count": 3},
    )
    assert [(point["a"], point["b"]) for point in grid(made)] == [
        (20, 10), (20, 5), (20, 0), (10, 10), (10, 5), (10, 0), (0, 10), (0, 5), (0, 0),
    ]  # fmt: skip


def test_groups_are_combined_like_the_rest() -> None:
    made = of(
        constant=2,
        a={
            "b": {
                "c1": {"type": "categorical", "vals": [3, 5]},
                "c2": {"type": "int", "minval": 7, "maxval": 11, "count": 2},
            }
        },
        f={"type": "double", "minval": 13.0, "maxval": 17.0, "count": 2},
        l={"type": "log", "base": 10, "minval": 1, "maxval": 2, "count": 2},
    )
    points = grid(made)
    assert len(points) == size(made) == 16
    assert {(p["a.b.c1"], p["a.b.c2"], p["f"], p["l"], p["constant"]) for p in points} == {
        (c1, c2, f, rate, 2)
        for c1 in (3, 5)
        for c2 in (7, 11)
        for f in (13.0, 17.0)
        for rate in (10.0, 100.0)
    }
    assert points[0] == {"a.b.c1": 5, "a.b.c2": 11, "constant": 2, "epochs": 1, "f": 17.0, "l": 100.0}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"type": "int", "minval": 0, "maxval": 4, "count": 5}, [0, 1, 2, 3, 4]),
        ({"type": "int", "minval": -4, "maxval": -2, "count": 3}, [-4, -3, -2]),
        ({"type": "int", "minval": 0, "maxval": 2, "count": 9}, [0, 1, 2]),
        ({"type": "int", "minval": 0, "maxval": 5, "count": 3}, [0, 3, 5]),
        ({"type": "int", "minval": -5, "maxval": 0, "count": 3}, [-5, -3, 0]),
        ({"type": "int", "minval": 1, "maxval": 2, "count": 1}, [2]),
        ({"type": "double", "minval": -1.0, "maxval": 1.0, "count": 1}, [0.0]),
        ({"type": "double", "minval": 0.0, "maxval": 1.0, "count": 3}, [0.0, 0.5, 1.0]),
        ({"type": "log", "base": 10, "minval": -3.0, "maxval": -1.0, "count": 1}, [0.01]),
        ({"type": "categorical", "vals": [[1], {"a": 2}, None]}, [[1], {"a": 2}, None]),
    ],
)
def test_the_values_of_an_axis(spec: dict[str, Any], expected: list[Any]) -> None:
    assert values("x", **spec) == expected


def test_a_grid_that_nobody_can_run_is_refused() -> None:
    axis = {"type": "double", "minval": 0, "maxval": 1, "count": 101}
    with pytest.raises(ConfigError, match="the grid has 10,201 points, more than 10,000; lower the counts"):
        plan_of(of(a=axis, b=axis))


@settings(max_examples=15, deadline=None)
@given(low=st.floats(-1e3, 1e3), width=st.floats(1e-3, 1e3), count=st.integers(1, 7))
def test_the_ends_belong_to_the_grid(low: float, width: float, count: int) -> None:
    drawn = values("x", type="double", minval=low, maxval=low + width, count=count)
    assert len(drawn) == count
    if count > 1:
        assert (drawn[0], drawn[-1]) == (low, pytest.approx(low + width))


def test_a_study_tries_every_point_once_in_order(tmp_path: Path) -> None:
    made = experiments.experiment(
        GRID,
        epochs=1,
        width={"type": "int", "minval": 8, "maxval": 12, "count": 2},
        dropout={"type": "double", "minval": 0.1, "maxval": 0.3, "count": 3},
        batch_size=64,
        optimizer={
            "name": {"type": "categorical", "vals": ["adam", "adamw"]},
            "learning_rate": {"type": "log", "base": 10, "minval": -2.7, "maxval": -1.3, "count": 2},
        },
    )
    plan = plan_of(made)
    study = Study(tmp_path / "journal.log", made, plan)
    while (number := study.next()) is not None:
        study.report(number, 1, 0.5)
        study.finish(number, tmp_path)
    tried = [
        (t["width"], t["dropout"], t["optimizer"]["name"], t["optimizer"]["learning_rate"])
        for t in (trial.hyperparameters for trial in study.trials())
    ]
    assert tried == [
        (p["width"], p["dropout"], p["optimizer.name"], p["optimizer.learning_rate"]) for p in grid(made)
    ]
    assert len(set(tried)) == plan.trials == 24
