import os
import re
import subprocess
from pathlib import Path

import pytest

from fmnist.files.git import code_version, uncommitted


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def write_project(folder: Path) -> Path:
    (folder / "fmnist").mkdir(parents=True)
    (folder / "fmnist" / "__init__.py").write_text("1\n")
    (folder / "notes").write_text("")
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    project = write_project(tmp_path / "project")
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "first")
    return project


def head(checkout: Path) -> str:
    return git(checkout, "rev-parse", "HEAD")


def test_commit_of_a_clean_checkout(checkout: Path) -> None:
    version = code_version(checkout)
    assert (str(version), version.changed, version.reason) == (head(checkout), (), None)


def test_untracked_files_are_told_but_are_not_the_code(checkout: Path) -> None:
    (checkout / "ä b.txt").write_text("")
    version = code_version(checkout)
    assert (str(version), version.changed) == (head(checkout), ("ä b.txt",))


def test_dvcs_record_is_not_the_code(checkout: Path) -> None:
    (checkout / "dvc.lock").write_text("1\n")
    git(checkout, "add", "dvc.lock")
    git(checkout, "commit", "--quiet", "-m", "dvc repro")
    (checkout / "dvc.lock").write_text("2\n")
    assert str(code_version(checkout)) == head(checkout)


def test_changed_checkout_is_dirty(checkout: Path) -> None:
    (checkout / "fmnist" / "__init__.py").write_text("2\n")
    version = code_version(checkout)
    assert (str(version), version.changed) == (f"{head(checkout)}-dirty", ("fmnist/__init__.py",))


def test_worktree_of_a_checkout(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    assert str(code_version(tmp_path / "tree")) == head(checkout)


def test_archive_inside_another_repository_has_no_commit(checkout: Path) -> None:
    inner = write_project(checkout / "src")
    version = code_version(inner)
    assert version.commit is None
    assert f"lies inside that of {checkout}" in str(version)


def test_archive_committed_as_part_of_another_repository_has_no_commit(checkout: Path) -> None:
    inner = write_project(checkout / "src")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "vendored")
    assert code_version(inner).commit is None


def test_repository_that_does_not_track_the_package_has_no_commit(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    git(project, "init", "--quiet")
    git(project, "add", "notes")
    git(project, "commit", "--quiet", "-m", "something else")
    assert "does not track" in str(code_version(project))


def test_variables_of_a_git_hook_do_not_lead_elsewhere(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    git(other, "commit", "--quiet", "--allow-empty", "-m", "other")
    expected = head(checkout)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert str(code_version(checkout)) == expected


@pytest.mark.parametrize("kept", [0, 20, 40, 100, 150])
def test_damaged_index_is_not_clean(checkout: Path, kept: int) -> None:
    index = checkout / ".git" / "index"
    index.write_bytes(index.read_bytes()[:kept])
    (checkout / "fmnist" / "__init__.py").write_text("2\n")
    assert str(code_version(checkout)) != head(checkout)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_checkout_of_another_user_says_why(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    # Someone's own safe.directory would hide what is asked here.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert "dubious ownership" in str(code_version(checkout))


def test_outside_git_the_sources_tell_versions_apart(tmp_path: Path) -> None:
    first, second = write_project(tmp_path / "a"), write_project(tmp_path / "b")
    assert code_version(first).digest == code_version(second).digest
    (second / "fmnist" / "__init__.py").write_text("2\n")
    assert code_version(first).digest != code_version(second).digest
    assert str(code_version(first)).startswith("unknown (sources ")


def test_without_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "git is not installed" in str(code_version(checkout))


def test_code_that_was_submitted_without_its_commit_is_named_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "fmnist").mkdir()
    file = tmp_path / "fmnist" / "a.py"
    file.write_text("1")
    first = str(uncommitted(tmp_path, "submitted without it"))
    file.write_text("2")
    second = str(uncommitted(tmp_path, "submitted without it"))
    assert re.fullmatch(r"unknown \(sources [0-9a-f]{16}: submitted without it\)", first)
    assert first != second
