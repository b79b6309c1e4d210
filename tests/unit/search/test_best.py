from pathlib import Path

import pytest

from fmnist.errors import ConfigError
from fmnist.experiments import load_experiment
from fmnist.search.best import write_const
from fmnist.search.resources import trial_seed
from fmnist.search.study_folder import StudyRecord
from fmnist.search.trial import Trial, TrialState
from fmnist.settings import PROJECT
from tests.support.experiments import experiment

POINT = {
    "network": "modern",
    "epochs": 16,
    "width": 9,
    "optimizer": {"name": "sgd", "learning_rate": 1.5e-05, "momentum": 0.9},
    "augmentation": {"flip": 0.25},
}
TRIAL = Trial(3, TrialState.COMPLETED, 16, (4, 16), POINT, 0.9235, Path("/trial-3"))
STUDY = StudyRecord("fmnist-adaptive", Path("/studies"), experiment(seed=5), f"fmnist-train-raw@{'a' * 40}")
ORIGIN = (
    "# From study fmnist-adaptive, trial 3: validation accuracy 0.9235 after 16 epochs on "
    f"fmnist-train-raw@{'a' * 40}"
)
EXISTING = """\
# One training.
# For a cluster too.
name: mine # the name
entrypoint: "python3 -m fmnist.jobs.train"
hyperparameters:
  network: baseline
  epochs: 8 # a few
  dropout: 0.2 # goes
  optimizer: {name: adamw, learning_rate: 0.01, weight_decay: 0.02} # kept
searcher: {name: single, metric: accuracy, smaller_is_better: false}
resources: {slots_per_trial: 1} # a slot
"""


def test_an_existing_file_keeps_all_but_the_trials_own(tmp_path: Path) -> None:
    path = tmp_path / "const.yaml"
    path.write_text(EXISTING)
    write_const(path, STUDY, TRIAL)
    assert path.read_text() == "\n".join(
        [
            "# One training.",
            "# For a cluster too.",
            ORIGIN,
            "name: mine # the name",
            'entrypoint: "python3 -m fmnist.jobs.train"',
            "hyperparameters:",
            "  network: modern",
            "  epochs: 16 # a few",
            "  optimizer: {name: sgd, learning_rate: 1.5e-05, momentum: 0.9}     # kept",
            "  width: 9",
            "  augmentation:",
            "    flip: 0.25",
            "searcher: {name: single, metric: accuracy, smaller_is_better: false}",
            "resources: {slots_per_trial: 1} # a slot",
            "reproducibility:",
            f"  experiment_seed: {trial_seed(5, 3)}",
            "",
        ]
    )


def test_written_again_it_names_the_new_origin_only(tmp_path: Path) -> None:
    path = tmp_path / "const.yaml"
    path.write_text(EXISTING)
    write_const(path, STUDY, TRIAL)
    first = path.read_text()
    write_const(path, STUDY, TRIAL)
    assert path.read_text() == first


@pytest.mark.parametrize("existing", [EXISTING, None])
def test_it_is_an_experiment_with_the_trials_hyperparameters(tmp_path: Path, existing: str | None) -> None:
    path = tmp_path / "new" / "const.yaml"
    if existing:
        path.parent.mkdir()
        path.write_text(existing)
    write_const(path, STUDY, TRIAL)
    written = load_experiment(path)
    assert written.constants() == POINT
    assert written.searcher.name == "single"
    assert written.reproducibility.experiment_seed == trial_seed(5, 3)


def test_a_file_that_searches_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "adaptive.yaml"
    before = (PROJECT / "adaptive.yaml").read_text()
    path.write_text(before)
    with pytest.raises(ConfigError, match=r"adaptive\.yaml: is a file that searches, and is not overwritten"):
        write_const(path, STUDY, TRIAL)
    assert path.read_text() == before


def test_the_shipped_file_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "const.yaml"
    path.write_text((PROJECT / "const.yaml").read_text())
    write_const(path, STUDY, TRIAL)
    assert load_experiment(path).constants() == POINT
