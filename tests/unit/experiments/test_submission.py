"""What is submitted is exact: commit ids, the git commit, and nothing that is not committed."""

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fmnist.core.fashion_mnist import TEST, TRAIN
from fmnist.data.base import Commit
from fmnist.errors import ConfigError, NotFoundError
from fmnist.experiments.data_section import DataSelector, head_at, selector_of
from fmnist.experiments.submission import prepare
from fmnist.settings import PROJECT
from fmnist.settings.types import DataEngine

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Store:
    """Commits of two repos, an hour apart, the last one the head."""

    def __init__(self, commits: int = 3) -> None:
        self._commits = commits

    def log(self, repo: str) -> list[Commit]:
        return [
            Commit(repo, f"{repo}-{hour}", None, NOON + timedelta(hours=hour), "", ())
            for hour in reversed(range(self._commits))
        ]

    def get(self, repo: str, ref: str = "master") -> Commit:
        for commit in self.log(repo):
            if ref in ("master", "release", commit.id):
                return commit
        raise NotFoundError(f"{repo}@{ref}: no such commit")

    def put(self, repo: str, files: Mapping[str, Path], message: str) -> Commit:
        raise AssertionError

    def read(self, commit: Commit, name: str) -> bytes:
        raise AssertionError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with an experiment file, committed."""
    for file in ("const.yaml", ".detignore"):
        (tmp_path / file).write_bytes((PROJECT / file).read_bytes())
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_branches_become_commits_everywhere(checkout: Path) -> None:
    made = prepare(checkout / "const.yaml", (), Store(), checkout)
    assert made.train.id == "fmnist-train-raw-2"
    assert made.document["data"]["train"] == {"repo": "fmnist-train-raw", "commit": "fmnist-train-raw-2"}
    assert made.document["data"]["test"] == {"repo": "fmnist-test-raw", "commit": "fmnist-test-raw-2"}
    dataset = made.document["integrations"]["pachyderm"]["dataset"]
    assert (dataset["commit"], dataset["branch"]) == ("fmnist-train-raw-2", "master")


def test_a_commit_can_be_named(checkout: Path) -> None:
    made = prepare(checkout / "const.yaml", ("data.train.commit=fmnist-train-raw-0",), Store(), checkout)
    assert made.train.id == "fmnist-train-raw-0"


def test_the_git_commit_is_stamped(checkout: Path) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout, check=True, capture_output=True, text=True
    ).stdout.strip()
    made = prepare(checkout / "const.yaml", (), Store(), checkout)
    assert made.git_commit == made.document["data"]["git_commit"] == head


@pytest.mark.parametrize("file", ["const.yaml", "new.py"])
def test_what_is_not_committed_is_refused_unless_told_otherwise(checkout: Path, file: str) -> None:
    with (checkout / file).open("a") as stream:
        stream.write("# changed\n")
    with pytest.raises(ConfigError, match=rf"{file}.* differ from git commit .*--allow-dirty"):
        prepare(checkout / "const.yaml", (), Store(), checkout)
    made = prepare(checkout / "const.yaml", (), Store(), checkout, allow_dirty=True)
    assert made.git_commit.endswith("-dirty")


def test_the_key_is_of_data_code_and_file(checkout: Path) -> None:
    file = checkout / "const.yaml"
    first = prepare(file, (), Store(), checkout)
    assert first.key == prepare(file, (), Store(), checkout).key
    assert first.key != prepare(file, (), Store(2), checkout).key
    assert first.key != prepare(file, ("hyperparameters.width=8",), Store(), checkout).key


def test_a_wrong_file_is_told_before_anything_is_looked_up(checkout: Path) -> None:
    with pytest.raises(ConfigError, match=r"searcher\.foo"):
        prepare(checkout / "const.yaml", ("searcher.foo=1",), Store(0), checkout)


def test_a_missing_commit_is_named(checkout: Path) -> None:
    with pytest.raises(NotFoundError, match="nope"):
        prepare(checkout / "const.yaml", ("data.train.commit=nope",), Store(), checkout)


def test_commits_of_this_machine_are_not_submitted_as_those_of_pachyderm(checkout: Path) -> None:
    file = checkout / "const.yaml"
    with pytest.raises(ConfigError, match=r"const\.yaml: integrations\.pachyderm: .*DVC's.*PACHD_ADDRESS"):
        prepare(file, (), Store(), checkout, engine=DataEngine.DVC)
    # Trials without that section read from DVC, in a folder that is mounted into their container.
    made = prepare(file, ("integrations=null",), Store(), checkout, engine=DataEngine.DVC, allow_dirty=True)
    assert made.train.id == "fmnist-train-raw-2"


def test_the_commit_that_a_watch_announces_is_submitted(checkout: Path) -> None:
    announced = DataSelector(TRAIN.repo, "fmnist-train-raw-1")
    made = prepare(checkout / "const.yaml", (), Store(), checkout, announced=announced)
    assert made.document["data"]["train"]["commit"] == made.train.id == "fmnist-train-raw-1"


def test_data_that_is_not_named_is_the_head_of_the_splits_own_repo() -> None:
    assert selector_of({}, TRAIN) == DataSelector(TRAIN.repo, "master")
    assert selector_of({"test": {"commit": "abc"}}, TEST) == DataSelector(TEST.repo, "abc")


@pytest.mark.parametrize(
    ("section", "message"),
    [("master", "expected"), ({"commit": 7}, "expected"), ({"branch": "x"}, r"data\.train\.branch")],
)
def test_another_form_is_refused(section: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        selector_of({"train": section}, TRAIN)


def test_a_branch_is_what_was_its_head_when_the_experiment_began() -> None:
    store, selector = Store(), DataSelector("repo", "master")
    assert head_at(store, selector, NOON + timedelta(hours=9)).id == "repo-2"
    assert head_at(store, selector, NOON + timedelta(minutes=90)).id == "repo-1"
    assert head_at(store, DataSelector("repo", "repo-2"), NOON).id == "repo-2"
    with pytest.raises(NotFoundError, match="was empty when the experiment began"):
        head_at(store, selector, NOON - timedelta(minutes=1))
    with pytest.raises(NotFoundError, match="release: its head is newer"):
        head_at(store, DataSelector("repo", "release"), NOON)
