import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from fmnist.cli.data import data
from fmnist.errors import DataError, NotFoundError
from tests.support.drawing import csv_of, some_data

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FMNIST_SOURCE", raising=False)

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(data, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "fashion-mnist_train.csv").write_bytes(csv_of(some_data(12)))
    (folder / "fashion-mnist_test.csv").write_bytes(csv_of(some_data(5)))
    return folder


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_fetch_log_diff_and_checkout(run: Run, source: Path, tmp_path: Path) -> None:
    train, test = document(run("fetch", "--source", source, "--json"))
    assert (train["repo"], train["origin"], train["parent"]) == ("fmnist-train-raw", "custom", None)
    assert [file["name"] for file in test["files"]] == ["fashion-mnist_test.csv"]

    (source / "fashion-mnist_train.csv").write_bytes(csv_of(some_data(14)))
    second, _ = document(run("fetch", "--source", source, "--json"))
    log = document(run("log", "fmnist-train-raw", "--json"))
    assert [commit["id"] for commit in log] == [second["id"], train["id"]]

    change = document(run("diff", "fmnist-train-raw", "--json"))
    assert (change["from"], change["to"]) == (train["id"], second["id"])
    assert [(file["name"], file["change"]) for file in change["files"]] == [
        ("fashion-mnist_train.csv", "changed")
    ]
    assert (change["contents"]["from"]["images"], change["contents"]["to"]["images"]) == (12, 14)
    back = document(run("diff", "fmnist-train-raw", second["id"][:10], train["id"][:10], "--json"))
    assert (back["from"], back["to"]) == (second["id"], train["id"])

    run("checkout", "fmnist-train-raw", train["id"][:10], "--to", tmp_path / "out")
    assert (tmp_path / "out/fashion-mnist_train.csv").read_bytes() == csv_of(some_data(12))


def test_tables_for_people(run: Run, source: Path) -> None:
    assert "fmnist-test-raw" in run("fetch", "--source", source).stdout
    assert "custom" in run("log", "fmnist-train-raw").stdout
    shown = run("diff", "fmnist-train-raw").stdout
    assert "added" in shown
    assert "+12" in shown


def test_put_takes_files_and_folders(run: Run, source: Path) -> None:
    (commit,) = document(run("put", "shoes", source / "fashion-mnist_test.csv", "-m", "some shoes", "--json"))
    assert (commit["repo"], commit["message"]) == ("shoes", "some shoes")
    with pytest.raises(DataError, match="expected one IDX file"):
        run("put", "shoes", source)
    (head,) = document(run("log", "shoes", "--json"))
    assert head["id"] == commit["id"]


def test_put_says_what_it_opened_and_left_out(run: Run, source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    for number in range(30):
        (folder / f".hidden-{number}").touch()
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.write(source / "fashion-mnist_train.csv", "fashion-mnist_train.csv")
        archive.write(source / "fashion-mnist_test.csv", "fashion-mnist_test.csv")
    said = run("put", "fmnist-train-raw", folder).stderr
    assert f"left out: {folder}/.hidden-0 (hidden)" in said
    assert "12 more" in said
    (head,) = document(run("log", "fmnist-train-raw", "--json"))
    assert [file["name"] for file in head["files"]] == ["fashion-mnist_train.csv"]
    with pytest.raises(DataError, match="hold data: none"):
        run("put", "fmnist-train-raw", Path(__file__))
    assert document(run("log", "fmnist-train-raw", "--json")) == [head]


def test_what_is_not_there_is_not_found(run: Run, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no data repo shoes"):
        run("log", "shoes")
    with pytest.raises(NotFoundError, match="no such folder"):
        run("fetch", "--source", tmp_path / "missing")
    assert run("put", "shoes", tmp_path / "missing").exit_code == 2


def test_push_and_pull(run: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = document(run("fetch", "--source", source, "--json"))
    monkeypatch.setenv("FMNIST_DATA_REMOTE", str(tmp_path / "shared"))
    assert [item["commits"] for item in document(run("push", "--json"))] == [1, 1]
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "other"))
    assert "fmnist-test-raw" in run("pull", "fmnist-test-raw").stdout
    (pulled,) = document(run("log", "fmnist-test-raw", "--json"))
    assert pulled == commits[1]


def test_ensure_keeps_what_is_there_and_the_link_reads_as_the_newest_commit(
    run: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_SOURCE", str(source))
    link = tmp_path / "new/train_data"
    first = run("ensure", "train", "--head", link).stdout.strip()
    assert first == f"fmnist-train-raw@{link.read_text().strip()}"
    with pytest.raises(NotFoundError, match="no data repo fmnist-test-raw"):
        run("log", "fmnist-test-raw")
    mine = tmp_path / "fashion-mnist_train.csv"
    mine.write_bytes(csv_of(some_data(3)))
    (commit,) = document(run("put", "fmnist-train-raw", mine, "--json"))
    assert link.read_text().strip() == commit["id"]
    assert run("ensure", "train", "--head", link).stdout.strip() == f"fmnist-train-raw@{commit['id']}"
    repo = tmp_path / "home/data/fmnist-train-raw"
    subprocess.run(["git", "-C", str(repo), "pack-refs", "--all"], check=True)
    assert not link.exists()
    run("ensure", "train", "--head", link)
    assert link.read_text().strip() == commit["id"]


def test_show_draws_a_commit_and_its_augmentation(run: Run, source: Path, tmp_path: Path) -> None:
    run("fetch", "--source", source)
    run("show", "--out", tmp_path / "some.png")
    run("show", "fmnist-train-raw", "--augment", "--out", tmp_path / "augmented.png")
    with Image.open(tmp_path / "some.png") as some, Image.open(tmp_path / "augmented.png") as augmented:
        assert augmented.width == some.width + 2 * 122  # ten variations, the image, const.yaml's mixture
        assert some.height < augmented.height


def test_audit_reports_to_a_folder(run: Run, source: Path, tmp_path: Path) -> None:
    run("fetch", "--source", source)
    result = run("audit", "--out", tmp_path / "audit", "--json")
    assert document(result)["images"] == 12
    assert json.loads((tmp_path / "audit/audit.json").read_text())["near_duplicates"]["exact"] == 5
    assert "Likely mislabelled" in run("audit", "--out", tmp_path / "audit").stdout


@pytest.mark.parametrize(
    "verb", ["fetch", "ensure", "put", "log", "diff", "show", "audit", "checkout", "push", "pull"]
)
def test_every_verb_shows_examples(run: Run, verb: str) -> None:
    assert f"fmnist data {verb}" in run(verb, "--help").output
