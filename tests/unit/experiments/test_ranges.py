from typing import Any

import pytest
from pydantic import ValidationError

from fmnist.experiments import Const, Double, Experiment, flat, nested

MINIMAL = {
    "name": "fmnist-nested",
    "entrypoint": "true",
    "searcher": {"name": "single", "metric": "accuracy", "smaller_is_better": False},
    "reproducibility": {"experiment_seed": 1},
}


def experiment(**hyperparameters: Any) -> Experiment:
    return Experiment.model_validate({**MINIMAL, "hyperparameters": {"epochs": 2, **hyperparameters}})


def test_a_mapping_without_a_type_is_a_group() -> None:
    rate = {"type": "double", "minval": 0, "maxval": 1}
    made = experiment(
        optimizer={"name": "sgd", "rate": rate, "more": {"nesterov": {"type": "const", "val": True}}}
    )
    assert list(made.hyperparameters) == [
        "epochs",
        "optimizer.name",
        "optimizer.rate",
        "optimizer.more.nesterov",
    ]
    assert isinstance(made.hyperparameters["optimizer.rate"], Double)
    assert isinstance(made.hyperparameters["optimizer.more.nesterov"], Const)


def test_constants_are_nested_as_in_the_file() -> None:
    values = {"optimizer": {"name": "sgd", "betas": [0.9, 0.99], "none": None}, "empty": {}}
    assert experiment(**values).constants() == {"epochs": 2, **values}


def test_a_name_with_a_dot_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"optimizer\.a\.b: a name must not hold a dot"):
        experiment(optimizer={"a.b": 1})


def test_flat_is_the_opposite_of_nested() -> None:
    tree = {"a": {"b": {"c": 1}, "d": []}, "e": {}}
    assert flat(tree) == {"a.b.c": 1, "a.d": [], "e": {}}
    assert nested(flat(tree)) == tree
