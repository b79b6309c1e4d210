import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from fmnist.cli.train import train
from fmnist.core.bundle import Bundle
from fmnist.experiments import load_experiment
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.jobs import train as job
from fmnist.settings import PROJECT, Settings
from tests.support.bundles import make_bundle
from tests.support.pages import PAGES, commands

WITH_TRAININGS = [page for page in PAGES if any(words[0] == "train" for words in commands(page, "fmnist"))]


@pytest.mark.parametrize("page", WITH_TRAININGS)
def test_the_commands_of_the_documentation(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each runs as far as a training gets before it reads data."""
    shutil.copy(PROJECT / "const.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)

    def substitute(settings: Settings, file: Path, overrides: Sequence[str], _: object) -> Bundle:
        experiment = load_experiment(file, overrides)
        Hyperparameters.read(experiment.constants())
        return make_bundle(tmp_path / "bundle")

    monkeypatch.setattr(job, "train_file", substitute)
    for verb, *words in commands(page, "fmnist"):
        if verb == "train":
            done = CliRunner().invoke(train, words, catch_exceptions=False)
            assert done.output.splitlines() == [str(tmp_path / "bundle")], words


def test_the_pages_about_trainings_are_among_them() -> None:
    assert {"README.md", "docs/training.md", "docs/search.md", "docs/resuming.md"} <= set(WITH_TRAININGS)
