"""dvc.yaml as a user runs it: what changed is run again and nothing else, with git and without.

All verbs are real but ``train``, for which a bundle of random weights stands in: seconds, not minutes.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fmnist.data.idx import write_idx
from fmnist.data.synthetic import draw
from fmnist.fashion_mnist import SPLITS
from fmnist.settings import PROJECT

_COMMAND = """
import sys
from pathlib import Path
from fmnist.cli import train
from fmnist.cli.main import main

def stand_in(arguments):
    from fmnist.training.base import EpochReport
    from fmnist.training.curves import Curves
    from fmnist.training.experiment import load_experiment
    from fmnist.training.progress import Silent
    from tests.support.bundles import make_bundle

    options = dict(argument.split("=", 1) for argument in arguments[1:])
    dropout = load_experiment(Path(arguments[0])).constants()["dropout"]
    curves = Curves(Path(options["--curves"]), Silent())
    for epoch in (1, 2):
        figures = {"loss": 1 / epoch, "accuracy": epoch / 2}
        curves.reported(EpochReport(epoch, 2, epoch, figures, figures, {}))
    return make_bundle(Path(options["--out"]), seed=int(dropout * 1e6))

train.train_in_child = stand_in
main()
"""
_STAGES = ("download_train_data", "download_test_data", "train_model", "evaluate")


class Checkout:
    """A copy of the project's tree with small data and a small network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FMNIST_")},
            "PYTHONPATH": str(PROJECT),
            "DVC_SITE_CACHE_DIR": str(folder / "site"),
            "FMNIST_HOME": str(folder / "home"),
            "FMNIST_SOURCE": str(folder / "source"),
            "GIT_CEILING_DIRECTORIES": str(folder),
            "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "200",
        }
        (folder / "source").mkdir()
        for number, split in enumerate(SPLITS):
            garments = draw(160, seed=number)
            (folder / "source" / split.images.name).write_bytes(write_idx(garments.images))
            (folder / "source" / split.labels.name).write_bytes(write_idx(garments.labels))
        shutil.copytree(
            PROJECT / "fmnist", self.folder / "fmnist", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copytree(
            PROJECT / ".dvc",
            self.folder / ".dvc",
            ignore=shutil.ignore_patterns("tmp", "cache", "config.local"),
        )
        shutil.copytree(PROJECT / "scripts", self.folder / "scripts")
        for name in ("dvc.yaml", ".dvcignore", ".gitignore", "const.yaml"):
            shutil.copy(PROJECT / name, self.folder / name)
        command = self.folder / ".venv/bin/fmnist"
        command.parent.mkdir(parents=True)
        command.write_text(f"#!{sys.executable}\n{_COMMAND}")
        command.chmod(0o755)
        (command.parent / "dvc").symlink_to(Path(sys.prefix) / "bin/dvc")

    def change(self, hyperparameter: str, value: object) -> None:
        file = self.folder / "const.yaml"
        text, count = re.subn(rf"(?m)^(  {hyperparameter}:).*$", rf"\1 {value}", file.read_text())
        assert count == 1
        file.write_text(text)

    def run(self, *command: str, fails: bool = False) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def repro(self, *arguments: str) -> list[str]:
        """The stages that were run."""
        return re.findall(r"Running stage '(\w+)'", self.run("dvc", "repro", *arguments))

    def commit(self) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        self.run("git", "add", "--all")
        self.run("git", *identity, "commit", "--quiet", "-m", "m")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_what_changed_is_run_again_and_compared(checkout: Checkout) -> None:
    checkout.run("git", "init", "--quiet")
    checkout.commit()
    assert sorted(checkout.repro()) == sorted(_STAGES)
    assert checkout.run("git", "status", "--porcelain").split() == ["??", "dvc.lock"]
    checkout.commit()
    assert "up to date" in checkout.run("dvc", "repro")
    assert "accuracy" in checkout.run("dvc", "metrics", "show")
    assert checkout.run("dvc", "plots", "show").strip().endswith("index.html")
    page = (checkout.folder / "reports/dvc/plots/index.html").read_text()
    assert all(name in page for name in ("training_loss", "validation_accuracy", "Ankle boot", "confusion"))

    more = draw(200, seed=7)
    folder = checkout.folder / "reports/more"
    folder.mkdir()
    (folder / "images-idx3-ubyte").write_bytes(write_idx(more.images))
    (folder / "labels-idx1-ubyte").write_bytes(write_idx(more.labels))
    checkout.run("fmnist", "data", "put", "fmnist-test-raw", str(folder))
    assert checkout.repro() == ["download_test_data", "evaluate"]
    assert "workspace" in checkout.run("dvc", "metrics", "diff")
    assert checkout.run("dvc", "plots", "diff").strip().endswith("index.html")

    checkout.change("dropout", 0.001)
    assert checkout.repro() == ["train_model", "evaluate"]


def test_without_git_all_but_diff_works(checkout: Checkout) -> None:
    assert "is not a git repository" in checkout.run("dvc", "status", fails=True)
    checkout.run("scripts/dvc-scm")
    assert checkout.repro("download_train_data") == ["download_train_data"]
    assert "evaluate" in checkout.run("dvc", "dag")
    assert "Only supported for Git" in checkout.run("dvc", "metrics", "diff", fails=True)
    checkout.run("git", "init", "--quiet")
    checkout.run("scripts/dvc-scm")
    assert "no_scm" not in (checkout.folder / ".dvc/config.local").read_text()


def test_the_commands_of_the_documentation(checkout: Checkout, tmp_path: Path) -> None:
    text = (PROJECT / "docs/data.md").read_text()
    script = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    assert script.count("fmnist data") >= 10
    script = re.sub("/tmp/|/mnt/", f"{tmp_path}/", script)
    checkout.run("git", "init", "--quiet")
    checkout.run("bash", "-euc", script)
    assert (checkout.folder / "reports/audit/mislabelled.png").is_file()
    assert (tmp_path / "shared/fmnist/fmnist-train-raw/history.bundle").is_file()
