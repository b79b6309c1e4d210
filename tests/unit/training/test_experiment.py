from pathlib import Path

import pytest

from fmnist.errors import ConfigError
from fmnist.settings import PROJECT
from fmnist.training.experiment import AdaptiveAsha, Log, load_experiment
from fmnist.training.hyperparameters import Hyperparameters


def test_const_yaml_leaves_nothing_to_search() -> None:
    experiment = load_experiment(PROJECT / "const.yaml")
    assert experiment.searcher.name == "single"
    assert Hyperparameters.read(experiment.constants()).network == "modern"


def test_adaptive_yaml_searches() -> None:
    experiment = load_experiment(PROJECT / "adaptive.yaml")
    assert isinstance(experiment.searcher, AdaptiveAsha)
    assert isinstance(experiment.hyperparameters["optimizer.learning_rate"], Log)
    with pytest.raises(ConfigError, match=r"learning_rate.* are ranges; use `fmnist search`"):
        experiment.constants()


def test_overrides_reach_into_sections() -> None:
    experiment = load_experiment(
        PROJECT / "adaptive.yaml",
        ["searcher.max_time=2", "hyperparameters.epochs=2", "searcher.max_trials=3"],
    )
    assert isinstance(experiment.searcher, AdaptiveAsha)
    assert (experiment.searcher.max_time, experiment.searcher.max_trials) == (2, 3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("searcher.max_tials=3", "max_tials: Extra inputs are not permitted"),
        ("searcher.max_time=3", "hyperparameters.epochs is 16 but searcher.max_time is 3"),
        ("searcher.time_metric=null", "time_metric"),
        ("searcher.name=custom", "custom"),
        ("hyperparameters.width={type: integer, minval: 1, maxval: 2}", "integer"),
        ("hyperparameters.epochs=many", "hyperparameters.epochs: expected one whole number"),
        ("reproducibility.experiment_seed=-1", "reproducibility.experiment_seed"),
        ("entrypoint=null", "entrypoint"),
        ("colour=red", "colour: Extra inputs are not permitted"),
        ("name.first=red", "name is a value, not a section"),
        ("searcher", "expected key=value"),
    ],
)
def test_a_wrong_field_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_experiment(PROJECT / "adaptive.yaml", [override])


@pytest.mark.parametrize("text", ["- a list", "a: [unclosed", "\x00"])
def test_what_is_no_experiment_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"broken\.yaml: "):
        load_experiment(path)
