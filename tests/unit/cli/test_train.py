import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from fmnist.cli.train import train
from fmnist.core.bundle import Bundle
from fmnist.experiments import load_experiment
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.jobs import train as entry
from fmnist.settings import PROJECT
from tests.support.bundles import make_bundle
from tests.support.pages import PAGES, commands

WITH_TRAININGS = [page for page in PAGES if any(words[0] == "train" for words in commands(page, "fmnist"))]


@pytest.mark.parametrize("page", WITH_TRAININGS)
def test_the_commands_of_the_documentation(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is taken as far as the process that trains gets before it asks for data."""
    shutil.copy(PROJECT / "const.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)

    def stand_in(arguments: Sequence[str]) -> Bundle:
        asked = entry._command.make_context("train", list(arguments)).params
        experiment = load_experiment(asked["experiment_file"], asked["overrides"])
        Hyperparameters.read(experiment.constants())
        return make_bundle(tmp_path / "bundle")

    monkeypatch.setattr(import_module("fmnist.cli.train"), "train_in_child", stand_in)
    for verb, *words in commands(page, "fmnist"):
        if verb == "train":
            done = CliRunner().invoke(train, words, catch_exceptions=False)
            assert done.output.splitlines() == [str(tmp_path / "bundle")], words


def test_the_pages_about_trainings_are_among_them() -> None:
    assert {"README.md", "docs/training.md", "docs/search.md", "docs/resuming.md"} <= set(WITH_TRAININGS)
