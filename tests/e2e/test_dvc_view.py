"""dvc.yaml as a user runs it: what changed is run again and nothing else, with git and without.

All verbs are real but ``train``, for which a bundle of random weights stands in: seconds, not minutes.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fmnist.core.fashion_mnist import SPLITS
from fmnist.data.formats.idx import write_idx
from fmnist.data.synthetic import draw
from fmnist.settings import PROJECT
from tests.support.processes import ended

_COMMAND = """
import sys
from pathlib import Path
from fmnist.cli.main import main
from fmnist.jobs import train

def substitute(settings, file, overrides, options):
    from fmnist.tracking.base import EpochReport
    from fmnist.training.progress import CurvesFile
    from fmnist.experiments import load_experiment
    from fmnist.training.progress import SilentTraining
    from tests.support.bundles import make_bundle

    dropout = load_experiment(file, overrides).constants()["dropout"]
    file = CurvesFile(options.curves, SilentTraining())
    for epoch in (1, 2):
        figures = {"loss": 1 / epoch, "accuracy": epoch / 2}
        file.reported(EpochReport(epoch, 2, epoch, figures, figures, {}))
    return make_bundle(options.out, seed=int(dropout * 1e6))

train.train_file = substitute
main()
"""
SECONDS = 240
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

    def start(self, *command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, fails: bool = False) -> str:
        with ended(self.start(*command)) as process:
            said, _ = process.communicate(timeout=SECONDS)
        assert (process.returncode != 0) == fails, said
        return said

    def repro(self, *arguments: str) -> list[str]:
        """The stages that were run."""
        return re.findall(r"Running stage '(\w+)'", self.run("dvc", "repro", *arguments))

    def commit(self) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        self.run("git", "add", "--all")
        self.run("git", *identity, "commit", "--quiet", "-m", "m")


@dataclass(frozen=True)
class Followed:
    """Somebody who runs all commands of docs/data.md, in ``folder`` where the page says /tmp or /mnt."""

    checkout: Checkout
    folder: Path
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """Started early: it takes the other core."""
    folder = tmp_path_factory.mktemp("followed")
    script = "\n".join(re.findall(r"```sh\n(.*?)```", (PROJECT / "docs/data.md").read_text(), re.DOTALL))
    assert script.count("fmnist data") >= 10
    script = re.sub("/tmp/|/mnt/", f"{folder}/", script)
    checkout = Checkout(folder)
    checkout.run("git", "init", "--quiet")
    with ended(checkout.start("bash", "-euc", script)) as process:
        yield Followed(checkout, folder, process)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_what_changed_is_run_again_and_compared(checkout: Checkout, followed: object) -> None:
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

    assert checkout.repro("-f", "--single-item", "train_model") == ["train_model"]
    assert sorted(checkout.repro("-f")) == sorted(_STAGES)


def test_without_git_all_but_diff_works(checkout: Checkout) -> None:
    assert "is not a git repository" in checkout.run("dvc", "status", fails=True)
    checkout.run("scripts/dvc-scm")
    assert checkout.repro("download_train_data") == ["download_train_data"]
    assert "evaluate" in checkout.run("dvc", "dag")
    assert "Only supported for Git" in checkout.run("dvc", "metrics", "diff", fails=True)
    checkout.run("git", "init", "--quiet")
    checkout.run("scripts/dvc-scm")
    assert "no_scm" not in (checkout.folder / ".dvc/config.local").read_text()


def test_the_commands_of_the_documentation(followed: Followed) -> None:
    said, _ = followed.process.communicate(timeout=SECONDS)
    assert followed.process.returncode == 0, said
    assert (followed.checkout.folder / "reports/audit/mislabelled.png").is_file()
    assert (followed.folder / "shared/fmnist/fmnist-train-raw/history.bundle").is_file()
