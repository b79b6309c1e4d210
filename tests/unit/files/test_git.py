import subprocess
from pathlib import Path

import pytest

from fmnist.files.git import code_version


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "code.py").write_text("1\n")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return tmp_path


def test_commit_of_a_clean_checkout(checkout: Path) -> None:
    assert code_version(checkout) == git(checkout, "rev-parse", "HEAD")


def test_untracked_files_are_not_the_code(checkout: Path) -> None:
    (checkout / "notes").write_text("")
    assert code_version(checkout) == git(checkout, "rev-parse", "HEAD")


def test_dvcs_record_is_not_the_code(checkout: Path) -> None:
    (checkout / "dvc.lock").write_text("1\n")
    (checkout / "folder").mkdir()
    git(checkout, "add", "dvc.lock")
    git(checkout, "commit", "--quiet", "-m", "dvc repro")
    (checkout / "dvc.lock").write_text("2\n")
    assert code_version(checkout) == git(checkout, "rev-parse", "HEAD")
    (checkout / "code.py").write_text("2\n")
    assert code_version(checkout / "folder").endswith("-dirty")


def test_changed_checkout_is_dirty(checkout: Path) -> None:
    (checkout / "code.py").write_text("2\n")
    assert code_version(checkout) == git(checkout, "rev-parse", "HEAD") + "-dirty"


def test_outside_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code_version(tmp_path) == "unknown"


def test_without_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert code_version(checkout) == "unknown"
