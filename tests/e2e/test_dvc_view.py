"""dvc.yaml as a user runs it: what changed is run again and nothing else, with git and without."""

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

_SMALL = {"epochs": 1, "width": 4, "batch_size": 32}
_STAGES = ("download_train_data", "download_test_data", "train_model", "evaluate")


class Checkout:
    """A copy of the project's tree with small data and a small network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FMNIST_")},
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
        (self.folder / ".venv").symlink_to(sys.prefix)
        for name, value in _SMALL.items():
            self.change(name, value)

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
        self.run("git", "add", "--all", ":!.venv")
        self.run("git", *identity, "commit", "--quiet", "-m", "m")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_what_changed_is_run_again_and_compared(checkout: Checkout) -> None:
    checkout.run("git", "init", "--quiet")
    checkout.commit()
    assert sorted(checkout.repro()) == sorted(_STAGES)
    assert checkout.run("git", "status", "--porcelain", "--", ":!.venv").split() == ["??", "dvc.lock"]
    checkout.commit()
    assert "up to date" in checkout.run("dvc", "repro")
    assert "accuracy" in checkout.run("dvc", "metrics", "show")
    assert "train_model" in checkout.run("dvc", "dag")
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

    checkout.change("learning_rate", 0.001)
    assert "hyperparameters" in checkout.run("dvc", "status")
    assert checkout.repro("--dry", "train_model") == ["train_model"]
    assert checkout.repro("download_train_data") == []
    assert checkout.repro("-f", "download_train_data") == ["download_train_data"]


def test_without_git_all_but_diff_works(checkout: Checkout) -> None:
    assert "is not a git repository" in checkout.run("dvc", "status", fails=True)
    checkout.run("scripts/dvc-scm")
    assert checkout.repro("download_train_data") == ["download_train_data"]
    assert checkout.repro("download_train_data") == []
    assert "evaluate" in checkout.run("dvc", "dag")
    assert "Only supported for Git" in checkout.run("dvc", "metrics", "diff", fails=True)
    checkout.run("git", "init", "--quiet")
    checkout.run("scripts/dvc-scm")
    checkout.commit()
    checkout.run("dvc", "metrics", "diff")


def test_the_commands_of_the_documentation(checkout: Checkout, tmp_path: Path) -> None:
    text = (PROJECT / "docs/data.md").read_text()
    script = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    assert script.count("fmnist data") > 10
    script = re.sub("/tmp/|/mnt/", f"{tmp_path}/", script)
    checkout.run("git", "init", "--quiet")
    checkout.run("bash", "-euc", script)
    assert (checkout.folder / "reports/audit/mislabelled.png").is_file()
    assert (tmp_path / "shared/fmnist/fmnist-train-raw/history.bundle").is_file()
