from pathlib import Path

import pytest

from fmnist.errors import ConfigError
from fmnist.experiments import AdaptiveAsha, Const, Log, load_experiment
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.settings import PROJECT

MINIMAL = """
entrypoint: "true"
searcher: {name: single, metric: accuracy, smaller_is_better: false}
hyperparameters: {epochs: 2, rate: 1e-3, on: yes, group: {name: sgd}}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "fmnist-mine.yaml"
    path.write_text(text)
    return path


def test_const_yaml_leaves_nothing_to_search() -> None:
    experiment = load_experiment(PROJECT / "const.yaml")
    assert experiment.searcher.name == "single"
    assert Hyperparameters.read(experiment.constants()).epochs >= 1


def test_adaptive_yaml_searches() -> None:
    experiment = load_experiment(PROJECT / "adaptive.yaml")
    assert isinstance(experiment.searcher, AdaptiveAsha)
    assert any(isinstance(spec, Log) for spec in experiment.hyperparameters.values())
    assert experiment.warnings == ()
    with pytest.raises(ConfigError, match=r"learning_rate.* are ranges; use `fmnist search`"):
        experiment.constants()


def test_a_file_is_read_as_det_reads_it_and_gets_its_own_name(tmp_path: Path) -> None:
    experiment = load_experiment(written(tmp_path, MINIMAL))
    assert experiment.name == "fmnist-mine"
    assert experiment.constants() == {"epochs": 2, "rate": 0.001, "on": "yes", "group": {"name": "sgd"}}


def test_overrides_reach_into_sections(tmp_path: Path) -> None:
    overrides = [
        "hyperparameters.group.rate=1e-2",
        "searcher={name: random, max_trials: 3, metric: accuracy, smaller_is_better: false}",
        "labels=[a, b]",
        "name=x=y",
    ]
    experiment = load_experiment(written(tmp_path, MINIMAL), overrides)
    assert experiment.hyperparameters["group.rate"] == Const(type="const", val=0.01)
    assert (experiment.searcher.name, experiment.labels, experiment.name) == ("random", ("a", "b"), "x=y")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("searcher.max_tials=3", r"fmnist-mine\.yaml: searcher\.max_tials: there is no such key"),
        ("entrypoint.first=red", r"--config entrypoint\.first=red: entrypoint is a value, not a section"),
        ("searcher", "--config searcher: expected key=value"),
        ("=3", "--config =3: expected key=value"),
        ("description={a: 1, a: 2}", r"--config .*line 1: a is a duplicate key"),
        ("data={2024-01-01: x}", r"--config .*line 1: the key '2024-01-01' is no text"),
        ("hyperparameters.dropout=.nan", r"--config hyperparameters\.dropout=\.nan: .*not a finite number"),
        ("name=[unclosed", r"--config name=\[unclosed: the value cannot be read as YAML"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_experiment(written(tmp_path, MINIMAL), [override])


def test_digits_of_an_id_stay_digits(tmp_path: Path) -> None:
    overrides = ["data.train.commit=0123e4", "data.test.commit='123456'", "data.train.repo=shoes"]
    data = load_experiment(written(tmp_path, MINIMAL), overrides).data
    assert data == {"train": {"commit": "0123e4", "repo": "shoes"}, "test": {"commit": "123456"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a list", "expected a mapping of keys, found list"),
        ("", "expected a mapping of keys, found NoneType"),
        ("a: [unclosed", "cannot be read as YAML"),
        ("\x00", "cannot be read as YAML"),
        ("a: 1\na: 2", "cannot be read as YAML"),
        ("a: &a [*a]", "cannot be read as YAML"),
        ("a: .nan", "cannot be read as YAML"),
    ],
)
def test_what_is_no_experiment_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"fmnist-mine\.yaml: {message}"):
        load_experiment(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read as YAML: .*No such file"):
        load_experiment(tmp_path / "nowhere.yaml")
