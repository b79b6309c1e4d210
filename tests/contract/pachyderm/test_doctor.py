"""Commits that nobody finished are found, shown and dropped."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from fmnist.cli.data import data
from fmnist.clients.pachyderm.connection import Deadlines
from fmnist.data.pachyderm.doctor import Doctor
from fmnist.data.pachyderm.store import PachydermStore
from fmnist.errors import DataError, TimedOut, UnavailableError
from tests.support.files import Files
from tests.support.pachd.target import Target

NOW = timedelta()


def test_nothing_is_wrong(target: Target, store: PachydermStore, repo: str, files: Files) -> None:
    store.put(repo, files(a=b"1"), "m")
    found = Doctor(target.connection()).examine([repo, f"{repo}-missing"])
    assert found.commits == {repo: 1, f"{repo}-missing": None}
    assert (found.address, found.findings) == (target.pachd.url, ())
    assert found.version[0] in "0123456789"


def test_an_open_commit_is_found_and_dropped(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    first = store.put(repo, files(a=b"1"), "m")
    half = target.client.start_commit(repo, "master")
    doctor = Doctor(target.connection())
    (finding,) = doctor.examine([repo]).findings
    assert (finding.commit, finding.problem, finding.is_head) == (half.id, "never finished", True)
    assert doctor.drop([finding], timedelta(minutes=10)) == []
    assert doctor.drop([finding], NOW) == [finding]
    assert doctor.examine([repo]).findings == ()
    assert store.get(repo) == first
    assert store.put(repo, files(a=b"2"), "m").parent == first.id


def test_a_head_that_failed_is_found_and_dropped(target: Target, store: PachydermStore, repo: str) -> None:
    good = target.put_by_hand(a=b"1")
    failed = target.put_by_hand(**{"d": b"1", "d/e": b"2"})
    doctor = Doctor(target.connection())
    (finding,) = doctor.examine([repo]).findings
    assert (finding.commit, finding.is_head) == (failed, True)
    assert finding.problem.startswith("ended with an error: file / directory path collision")
    doctor.drop([finding], NOW)
    assert store.get(repo).id == good


def test_a_commit_that_pachd_does_not_finish_is_found_and_dropped(
    target: Target, store: PachydermStore, repo: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.put(repo, files(a=b"1"), "m")
    target.server.state.seconds_to_finish = 1000
    with target.client.modify_file_client((repo, "master")) as changes:
        changes.put_file_from_bytes("/a", b"2")
    doctor = Doctor(target.connection())
    assert doctor.examine([repo]).findings == ()
    monkeypatch.setattr("fmnist.data.pachyderm.doctor._SLOW", NOW)
    (finding,) = doctor.examine([repo]).findings
    assert (finding.problem, finding.is_head) == ("closed, but pachd has not finished it", True)
    with pytest.raises(TimedOut, match=rf"{repo}@{finding.commit}: closed at .* doctor {repo} --drop"):
        target.store(deadlines=Deadlines(wait=0.5)).get(repo)
    assert doctor.drop([finding], NOW) == [finding]
    assert store.get(repo) == first


def test_open_commits_on_other_branches_are_found_too(target: Target, repo: str) -> None:
    target.put_by_hand(a=b"1")
    other = target.client.start_commit(repo, "autumn")
    (finding,) = Doctor(target.connection()).examine([repo]).findings
    assert (finding.commit, finding.is_head) == (other.id, False)


def test_a_commit_with_children_is_not_dropped(target: Target, store: PachydermStore, repo: str) -> None:
    target.put_by_hand(**{"d": b"1", "d/e": b"2"})
    doctor = Doctor(target.connection())
    findings = doctor.examine([repo]).findings
    target.put_by_hand(c=b"3")
    with pytest.raises(UnavailableError, match=r"dropping .*has children"):
        doctor.drop(findings, NOW)


@pytest.fixture
def run(target: Target, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for name, value in target.environment.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: CliRunner().invoke(data, arguments, catch_exceptions=False)


def test_the_verb_shows_and_drops(target: Target, repo: str, run: Callable[..., Result]) -> None:
    target.put_by_hand(a=b"1")
    assert run("doctor", repo).exit_code == 0
    half = target.client.start_commit(repo, "master")
    shown = run("doctor", repo, "--drop")
    assert shown.exit_code == DataError.exit_code
    assert f"{repo}: 2 commits" in shown.stdout
    assert "never finished" in shown.stdout
    assert "--older-than 0" in shown.stderr
    dropped = run("doctor", repo, "--drop", "--older-than", "0", "--json")
    assert dropped.exit_code == 0
    document = json.loads(dropped.stdout)
    assert document["dropped"] == [half.id]
    assert [finding["commit"] for finding in document["findings"]] == [half.id]
    assert json.loads(run("doctor", repo, "--json").stdout)["commits"] == {repo: 1}
