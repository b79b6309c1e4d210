"""What Determined's master was seen to accept and to refuse, and what this project needs beyond it."""

import json
from pathlib import Path
from typing import Any

import pytest

from fmnist.errors import ConfigError
from fmnist.experiments import Experiment, load_experiment
from fmnist.settings import PROJECT
from tests.unit.experiments.documents import (
    ASHA,
    GRID,
    RANDOM,
    SINGLE,
    document,
    hyperparameters,
    without,
)

PACHYDERM: dict[str, Any] = {
    "pachd": {"host": "pachd.default", "port": 30650},
    "proxy": {"scheme": "http", "host": "localhost", "port": 80},
    "dataset": {"project": "default", "repo": "fmnist", "branch": "master", "commit": "0" * 32, "token": ""},
}


def loaded(folder: Path, content: Any) -> Experiment:
    path = folder / "adaptive.yaml"
    path.write_text(json.dumps(content))
    return load_experiment(path)


def ranges(**more: Any) -> dict[str, Any]:
    return {"hyperparameters": hyperparameters(**more)}


@pytest.mark.parametrize(
    "content",
    [
        document(),
        document(SINGLE),
        document(RANDOM),
        document(
            GRID,
            hyperparameters={"epochs": 4, "width": {"type": "int", "minval": 1, "maxval": 9, "count": 3}},
        ),
        document({**ASHA, "divisor": 2, "mode": "aggressive", "max_rungs": 3, "max_concurrent_trials": 0}),
        document({**ASHA, "divisor": 1.5, "bracket_rungs": [2, 1]}),
        document({**ASHA, "max_length": {"epochs": 4}, "stop_once": None}),
        document(resources={"slots_per_trial": 0, "shm_size": "2 GiB", "priority": 50}),
        document(name=None),
        document(reproducibility=None),
        document(labels=["fashion-mnist", "asha"], data={"pachyderm": {"repo": "fmnist"}}),
        document(integrations={"pachyderm": PACHYDERM}),
        document(environment={"image": "fmnist-det:dev", "environment_variables": ["A=1", "B=2"]}),
        document(environment={"image": {"cpu": "a", "cuda": "b"}, "environment_variables": {"cpu": ["A=1"]}}),
        document(bind_mounts=[{"host_path": "/data", "container_path": "/data", "read_only": True}]),
        document(checkpoint_storage={"type": "shared_fs", "host_path": "/srv", "storage_path": "/srv/det"}),
        document(checkpoint_storage={"type": "s3", "bucket": "checkpoints", "secret_key": "hush"}),
        document(max_restarts=1, checkpoint_policy="best", profiling={"enabled": True}, description="ASHA"),
        document(entrypoint=["python3", "-m", "fmnist.training.train"]),
        {**document(), "project": None, "debug": False, "min_validation_period": {"epochs": 1}},
        document(**ranges(nest={"empty": {}, "null": None, "list": [1, "fish"], "dict": {"red": "fish"}})),
        document(
            **ranges(any={"type": "categorical", "vals": [None, True, 0, 0.0, [1, "fish"], {"red": 1}]})
        ),
        document(**ranges(val={"type": "const", "val": {"red": "fish"}})),
        document(**ranges(rate={"type": "log", "base": 10, "minval": 0.0001, "maxval": 0.1})),
    ],
)
def test_accepted_as_by_the_master(tmp_path: Path, content: dict[str, Any]) -> None:
    assert loaded(tmp_path, content).epochs == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (document(without(ASHA, "max_time")), "searcher.max_time: is missing; adaptive_asha needs"),
        (
            document(without(ASHA, "time_metric")),
            "searcher.time_metric: is missing; adaptive_asha needs",
        ),
        (document(without(ASHA, "metric")), "searcher.metric: is missing; write accuracy"),
        (document(without(ASHA, "max_trials")), "searcher.max_trials: is missing"),
        (
            document(without(ASHA, "name")),
            "searcher.name: is missing; expected one of 'single'",
        ),
        (
            document({**ASHA, "foo": 1}),
            "searcher.foo: there is no such key; the keys here are bracket_rungs, div",
        ),
        (
            document({**ASHA, "max_tials": 1}),
            "searcher.max_tials: there is no such key; did you mean max_trials?",
        ),
        (
            document({**ASHA, "mode": "wild"}),
            "searcher.mode: expected 'aggressive', 'standard' or 'conservative'",
        ),
        (
            document({**ASHA, "name": "custom"}),
            "searcher.name: expected one of 'single', 'random'",
        ),
        (
            document({**ASHA, "name": "bayes"}),
            "searcher.name: expected one of 'single', 'random', 'grid', 'adaptive_asha', found 'bayes'",
        ),
        (
            document({**ASHA, "max_trials": "8"}),
            "searcher.max_trials: expected a whole number, found '8', a string",
        ),
        (
            document({**ASHA, "max_trials": 0}),
            "searcher.max_trials: must be at least 1, found 0",
        ),
        (document({**ASHA, "divisor": 1}), "searcher.divisor: must be more than 1, found 1"),
        (document({**ASHA, "divisor": True}), "searcher.divisor: expected a number, found True"),
        (
            document({**ASHA, "max_concurrent_trials": -1}),
            "searcher.max_concurrent_trials: must be at least 0",
        ),
        (document({**SINGLE, "max_trials": 1}), "searcher.max_trials: there is no such key"),
        (without(document(), "searcher"), "searcher: is missing"),
        (document(entrypoint=None), "entrypoint: is missing; a managed experiment needs one"),
        (document(hyperparameters=None), "hyperparameters: is missing"),
        (document(seacher=1), "seacher: there is no such key; did you mean searcher?"),
        (
            document(**ranges(width={"type": "integer", "minval": 1, "maxval": 2})),
            "hyperparameters.width.type: expected one of 'const', 'int', 'double', 'log'",
        ),
        (
            document(**ranges(width={"type": "int", "minval": 1})),
            "hyperparameters.width.maxval: is missing",
        ),
        (
            document(**ranges(width={"type": "int", "minval": 3, "maxval": 3})),
            "hyperparameters.width: minval 3 must be less than maxval 3",
        ),
        (
            document(**ranges(width={"type": "int", "minval": 1.5, "maxval": 3})),
            "hyperparameters.width.minval: expected a whole number, found 1.5",
        ),
        (
            document(**ranges(rate={"type": "log", "minval": -3, "maxval": -1})),
            "hyperparameters.rate.base: is missing",
        ),
        (
            document(**ranges(group={"rate": {"type": "double", "minval": "a", "maxval": 1}})),
            "hyperparameters.group.rate.minval: expected a number, found 'a', a string",
        ),
        (
            document(**ranges(width={"type": "categorical", "values": [1]})),
            "hyperparameters.width.values: there is no such key; did you mean vals?",
        ),
        (
            document(reproducibility={"experiment_seed": -1}),
            "experiment_seed: must be at least 0",
        ),
        (document(max_restarts=-1), "max_restarts: must be at least 0, found -1"),
        (
            document(checkpoint_policy="some"),
            "checkpoint_policy: expected 'best', 'all' or 'none', found 'some'",
        ),
        (
            document(integrations={"pachyderm": without(PACHYDERM, "proxy")}),
            "integrations.pachyderm.proxy: is missing",
        ),
        (document(environment=["a"]), "environment: expected a mapping, found a list"),
        (document(enviroment={}), "enviroment: there is no such key; did you mean environment?"),
        (document(resources=2), "resources: expected a mapping, found 2"),
        (document(GRID), "hyperparameters.lr: a grid search needs count"),
    ],
)
def test_refused_as_by_the_master(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, content)
    assert message in str(caught.value)
    assert all(line.startswith(f"{tmp_path / 'adaptive.yaml'}: ") for line in str(caught.value).splitlines())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            document(**ranges(epochs=3)),
            "hyperparameters.epochs is 3 but searcher.max_time is 4: they must be equal, here and on",
        ),
        (
            document(**ranges(epochs={"type": "int", "minval": 1, "maxval": 4})),
            "hyperparameters.epochs: expected one",
        ),
        (
            document(SINGLE, **ranges(epochs=0)),
            "hyperparameters.epochs: expected one whole number, at least 1",
        ),
        (
            document(SINGLE, **ranges(epochs=True)),
            "hyperparameters.epochs: expected one whole number, at least 1",
        ),
        (document(**ranges(**{"a.b": 1})), "hyperparameters: a.b: a name must not hold a dot"),
        (
            document({**ASHA, "time_metric": "batches"}),
            "searcher.time_metric: expected 'epochs', found 'batches'",
        ),
        (document({**ASHA, "metric": "loss"}), "searcher.metric: expected 'accuracy', found 'loss'"),
        (document(without(ASHA, "smaller_is_better")), "smaller_is_better: is missing; write false"),
        (
            document({**ASHA, "smaller_is_better": True}),
            "searcher.smaller_is_better: expected False, found True",
        ),
        (
            document({**ASHA, "source_trial_id": 3}),
            "searcher.source_trial_id: there is no such key",
        ),
        (
            document(**ranges(rate={"type": "log", "base": 10, "minval": 1, "maxval": 400})),
            "hyperparameters.rate: 10 to the power of maxval 400 is too large",
        ),
        (document(**ranges(width={"type": "categorical", "vals": []})), "hyperparameters.width.vals: "),
    ],
)
def test_refused_for_both_engines(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, content)
    assert message in str(caught.value)


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    content = document({**ASHA, "mode": "wild", "max_trials": 0}, max_restarts=-1)
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, content)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ({"checkpoint_storage": "s3://hush-hush@bucket"}, "checkpoint_storage: expected a mapping"),
        (
            {
                "integrations": {
                    "pachyderm": {**PACHYDERM, "dataset": {**PACHYDERM["dataset"], "token": 12345678}}
                }
            },
            "integrations.pachyderm.dataset.token: expected a string",
        ),
    ],
)
def test_a_secret_is_not_in_the_message(tmp_path: Path, section: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, document(**section))
    assert f"{field}, found something else" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize(
    ("bounds", "advice"),
    [
        ({"base": 10, "minval": 0.0001, "maxval": 0.1}, "write minval: -4, maxval: -1"),
        ({"base": 10, "minval": 1, "maxval": 100}, "write minval: 0, maxval: 2"),
        ({"base": 2, "minval": 16, "maxval": 256}, "write minval: 4, maxval: 8"),
    ],
)
def test_exponents_that_look_like_values_are_doubted(
    tmp_path: Path, bounds: dict[str, float], advice: str
) -> None:
    (warning,) = loaded(tmp_path, document(**ranges(group={"rate": {"type": "log", **bounds}}))).warnings
    assert warning.startswith("hyperparameters.group.rate: minval ")
    assert warning.endswith(advice)


@pytest.mark.parametrize(
    "bounds",
    [
        {"base": 10, "minval": -4, "maxval": -1},
        {"base": 10, "minval": 0, "maxval": 1},
        {"base": 2, "minval": 4, "maxval": 8},
        {"base": 0.5, "minval": 0.1, "maxval": 0.2},
    ],
)
def test_other_exponents_are_not(tmp_path: Path, bounds: dict[str, float]) -> None:
    assert loaded(tmp_path, document(**ranges(rate={"type": "log", **bounds}))).warnings == ()


@pytest.mark.filterwarnings("error")
def test_a_loaded_experiment_is_written_without_a_warning() -> None:
    """Pydantic would print it into every search's terminal."""
    for file in ("adaptive.yaml", "const.yaml"):
        experiment = load_experiment(PROJECT / file)
        assert experiment.model_dump(mode="json")["name"] == experiment.name
