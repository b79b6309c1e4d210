"""What every data store promises, whatever its engine; each engine runs the same tests."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fmnist.data.base import Commit, DataStore
from fmnist.data.dvc import DvcStore
from fmnist.errors import InputError, NotFoundError
from fmnist.files.atomic import sha256_of
from tests.support.files import Files
from tests.support.pachd.target import KINDS, target_of


@pytest.fixture(params=["dvc", *KINDS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[DataStore, str]]:
    if request.param == "dvc":
        yield DvcStore(tmp_path / "data"), f"garments-{uuid.uuid4().hex[:8]}"
        return
    with target_of(request.param, tmp_path) as target:
        yield target.store(), target.repo


@pytest.fixture
def store(place: tuple[DataStore, str]) -> DataStore:
    return place[0]


@pytest.fixture
def repo(place: tuple[DataStore, str]) -> str:
    """A name that no other test and no user of a real server has."""
    return place[1]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "source")


def ids(commits: list[Commit]) -> list[str]:
    return [commit.id for commit in commits]


def test_a_put_commit_is_read_back_byte_for_byte(store: DataStore, repo: str, files: Files) -> None:
    content = bytes(range(256)) * 50
    commit = store.put(repo, files(a=content, b=b""), "first")
    assert store.read(commit, "a") == content
    assert store.read(commit, "b") == b""


def test_a_commit_says_what_it_holds(store: DataStore, repo: str, files: Files) -> None:
    paths = files(b=b"two", a=b"one")
    commit = store.put(repo, paths, "first: ü [bold]")
    assert [(file.name, file.size, file.sha256) for file in commit.files] == [
        ("a", 3, sha256_of(paths["a"])),
        ("b", 3, sha256_of(paths["b"])),
    ]
    assert (commit.repo, commit.parent, commit.message) == (repo, None, "first: ü [bold]")
    assert len(commit.id) >= 32
    assert abs(datetime.now(UTC) - commit.created) < timedelta(minutes=1)


def test_names_may_hold_folders(store: DataStore, repo: str, files: Files) -> None:
    path = files(x=b"1")["x"]
    commit = store.put(repo, {"train/images": path, "train/more words": path}, "folders")
    assert [file.name for file in commit.files] == ["train/images", "train/more words"]
    assert store.read(commit, "train/more words") == b"1"


def test_a_put_replaces_the_whole_content_and_keeps_the_old(
    store: DataStore, repo: str, files: Files
) -> None:
    first = store.put(repo, files(a=b"1", gone=b"x"), "first")
    second = store.put(repo, files(a=b"2", new=b"y"), "second")
    assert second.parent == first.id
    assert [file.name for file in second.files] == ["a", "new"]
    assert (store.read(first, "a"), store.read(first, "gone")) == (b"1", b"x")
    assert store.read(second, "a") == b"2"
    with pytest.raises(NotFoundError, match="gone"):
        store.read(second, "gone")


def test_the_same_files_again_make_no_commit(store: DataStore, repo: str, files: Files) -> None:
    first = store.put(repo, files(a=b"1"), "first")
    assert store.put(repo, files(a=b"1"), "again") == first
    assert ids(store.log(repo)) == [first.id]


def test_the_same_bytes_under_another_name_are_a_change(store: DataStore, repo: str, files: Files) -> None:
    first = store.put(repo, files(a=b"1"), "first")
    assert store.put(repo, files(b=b"1"), "renamed").parent == first.id


def test_an_older_content_may_come_back(store: DataStore, repo: str, files: Files) -> None:
    first = store.put(repo, files(a=b"1"), "one")
    second = store.put(repo, files(a=b"2"), "two")
    third = store.put(repo, files(a=b"1"), "one again")
    assert ids(store.log(repo)) == [third.id, second.id, first.id]
    assert store.read(third, "a") == b"1"


def test_get_by_branch_and_by_id(store: DataStore, repo: str, files: Files) -> None:
    first = store.put(repo, files(a=b"1"), "one")
    second = store.put(repo, files(a=b"2"), "two")
    assert store.get(repo) == store.get(repo, "master") == second
    assert store.get(repo, first.id) == first


def test_get_by_the_first_digits_of_an_id(store: DataStore, repo: str, files: Files) -> None:
    first = store.put(repo, files(a=b"1"), "one")
    second = store.put(repo, files(a=b"2"), "two")
    for commit in (first, second):
        for digits in (6, 7, 12, len(commit.id) - 1):
            assert store.get(repo, commit.id[:digits]) == commit
    for ref in (first.id[:5], first.id[:12] + "0" * 8, "f" * 6, first.id + "0"):
        with pytest.raises(NotFoundError, match=f"{repo}.*{ref}"):
            store.get(repo, ref)


def test_repos_do_not_see_each_other(store: DataStore, repo: str, files: Files) -> None:
    store.put(repo, files(a=b"1"), "m")
    other = store.put(f"{repo}-two", files(a=b"1"), "m")
    assert ids(store.log(f"{repo}-two")) == [other.id]


@pytest.mark.parametrize("ref", ["nope", "0" * 40, "", "HEAD~1", "../x", "master\x00", "a b", "ü", "-x"])
def test_unknown_refs_are_not_found(store: DataStore, repo: str, files: Files, ref: str) -> None:
    store.put(repo, files(a=b"1"), "m")
    with pytest.raises(NotFoundError, match=repo):
        store.get(repo, ref)


def test_unknown_repos_are_not_found(store: DataStore, repo: str, files: Files) -> None:
    store.put(repo, files(a=b"1"), "m")
    for ask in (store.log, store.get):
        with pytest.raises(NotFoundError, match=f"{repo}-shoes"):
            ask(f"{repo}-shoes")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "-a", ".hidden", "a b", "ü", "x" * 64, "a\n"])
def test_a_repo_name_is_letters_digits_and_dashes(store: DataStore, files: Files, name: str) -> None:
    with pytest.raises(InputError, match="data repo"):
        store.put(name, files(a=b"1"), "m")
    with pytest.raises(InputError, match="data repo"):
        store.log(name)


@pytest.mark.parametrize(
    "name", ["", "/etc/x", "../x", "a//b", "a/../b", ".git", "a/.dvc", "x.dvc", "dvc.yaml", "a\\b", "a\n"]
)
def test_a_file_name_stays_inside_the_repo(store: DataStore, repo: str, files: Files, name: str) -> None:
    with pytest.raises(InputError, match="file name"):
        store.put(repo, {name: files(a=b"1")["a"]}, "m")
    with pytest.raises(NotFoundError):
        store.log(repo)


def test_a_refused_put_leaves_the_head(store: DataStore, repo: str, files: Files, tmp_path: Path) -> None:
    first = store.put(repo, files(a=b"1"), "m")
    with pytest.raises(InputError, match="at least one"):
        store.put(repo, {}, "nothing")
    with pytest.raises(NotFoundError, match="missing"):
        store.put(repo, files(a=b"2") | {"b": tmp_path / "missing"}, "m")
    with pytest.raises(InputError, match="cannot also be the folder"):
        store.put(repo, {"a": files(a=b"1")["a"], "a/b": files(b=b"2")["b"]}, "m")
    assert store.get(repo) == first
