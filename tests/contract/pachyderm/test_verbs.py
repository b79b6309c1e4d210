"""``fmnist data`` as people type it, with PACHD_ADDRESS set."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fmnist.cli.data import data
from fmnist.core.fashion_mnist import TEST, TRAIN
from fmnist.errors import FmnistError
from tests.support.drawing import csv_of, some_data
from tests.support.pachd.target import Target

Run = Callable[..., Result]


@pytest.fixture
def run(target: Target, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in target.environment.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: CliRunner().invoke(data, [str(a) for a in arguments], catch_exceptions=False)


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_put_log_diff_checkout_and_show(run: Run, repo: str, tmp_path: Path) -> None:
    source = tmp_path / "season"
    source.mkdir()
    (source / "fashion-mnist_train.csv").write_bytes(csv_of(some_data(12)))
    (first,) = document(run("put", repo, source, "-m", "spring", "--json"))
    again = run("put", repo, source, "-m", "again", "--json")
    assert document(again) == [first]
    assert f"{repo}: unchanged, no new commit" in again.stderr
    (source / "fashion-mnist_train.csv").write_bytes(csv_of(some_data(14)))
    put = run("put", repo, source, "-m", "autumn", "--json")
    assert "unchanged" not in put.stderr
    (second,) = document(put)
    log = document(run("log", repo, "--json"))
    assert [(commit["id"], commit["message"]) for commit in log] == [
        (second["id"], "autumn"),
        (first["id"], "spring"),
    ]
    change = document(run("diff", repo, "--json"))
    assert (change["from"], change["to"]) == (first["id"], second["id"])
    assert [(file["name"], file["change"]) for file in change["files"]] == [
        ("fashion-mnist_train.csv", "changed")
    ]
    assert (change["contents"]["from"]["images"], change["contents"]["to"]["images"]) == (12, 14)
    run("checkout", repo, first["id"][:10], "--to", tmp_path / "older")
    assert [path.name for path in (tmp_path / "older").iterdir()] == ["fashion-mnist_train.csv"]
    assert (tmp_path / "older/fashion-mnist_train.csv").read_bytes() == csv_of(some_data(12))
    assert run("show", repo, "--out", tmp_path / "garments.png").exit_code == 0
    assert (tmp_path / "garments.png").read_bytes().startswith(b"\x89PNG")


def test_fetch_and_ensure_put_both_splits(target: Target, run: Run, tmp_path: Path) -> None:
    assert target.server.state.repos == {}
    source = tmp_path / "mine"
    source.mkdir()
    for split, count in ((TRAIN, 12), (TEST, 5)):
        (source / f"fashion-mnist_{split.name}.csv").write_bytes(csv_of(some_data(count)))
    train, test = document(run("fetch", "--source", source, "--json"))
    assert (train["repo"], test["repo"]) == (TRAIN.repo, TEST.repo)
    assert f"{TEST.repo}: unchanged" in run("fetch", "--source", source).stderr
    link = tmp_path / "head"
    ensured = run("ensure", "train", "--head", link)
    assert ensured.stdout == f"{TRAIN.repo}@{train['id']}\n"
    assert link.read_text() == f"{train['id']}\n"


def test_watch_runs_a_command_for_each_commit(target: Target, run: Run, repo: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    noted = [
        "--",
        "sh",
        "-c",
        f'echo "$FMNIST_DATA_REPO $FMNIST_DATA_COMMIT" >> {log}; test ! -e {tmp_path}/broken',
    ]
    first = target.put_by_hand(a=b"1")
    assert run("watch", repo, "--once", *noted).stdout == f"{repo}@{first}\n"
    second = target.put_by_hand(a=b"2")
    (tmp_path / "broken").touch()
    with pytest.raises(FmnistError, match=f"{second}: sh -c .* ended with 1; the next watch begins"):
        run("watch", repo, "--once", *noted)
    (tmp_path / "broken").unlink()
    told = run("watch", repo, "--once", "--json", *noted)
    assert json.loads(told.stdout) == {"repo": repo, "commit": second}
    assert log.read_text().split("\n") == [f"{repo} {first}", *[f"{repo} {second}"] * 2, ""]
    assert run("watch", repo, "--once", *noted).stdout == ""
    with pytest.raises(FmnistError, match="no-such-program: cannot be run"):
        run("watch", repo, "--once", "--from", first[:8], "--", "no-such-program")
