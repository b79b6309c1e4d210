"""The verbs ``models`` and ``lineage``, on a registry of two versions."""

import json
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fmnist.catalogue.promotions import TenureOutcome
from fmnist.cli.lineage import lineage
from fmnist.cli.models import models
from fmnist.clients.mlflow import open_client
from fmnist.core.bundle import Bundle, open_bundle, write_metadata
from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.errors import InputError, NotFoundError
from fmnist.settings import from_environment
from tests.support.bundles import make_bundle
from tests.support.homes import make_home
from tests.support.promotions import make_log, served


@dataclass(frozen=True)
class Registered:
    home: Path
    first: Bundle
    second: Bundle


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Registered:
    folder = tmp_path_factory.mktemp("models")
    found = Registered(
        make_home(folder / "home").home,
        make_bundle(folder / "first", origin="official"),
        make_bundle(folder / "second", origin="synthetic", seed=2),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FMNIST_HOME", str(found.home))
        for bundle in (found.first, found.second):
            _run(models, "register", str(bundle.folder))
    return found


@pytest.fixture(autouse=True)
def _home(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(registered.home))


def _run(verb: click.Command, *arguments: str) -> str:
    outcome = CliRunner().invoke(verb, arguments, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def test_registering_again_gives_the_same_version(registered: Registered) -> None:
    assert _run(models, "register", str(registered.second.folder)).strip() == (
        "fashion-classifier 2, dataset=synthetic"
    )
    document = json.loads(_run(models, "register", str(registered.first.folder), "--json"))
    assert (document["version"], document["bundle_sha256"]) == (1, registered.first.sha256)


def test_the_list_shows_the_newest_first_with_gate_and_origin() -> None:
    documents = json.loads(_run(models, "list", "--json"))
    assert [(entry["version"], entry["data_origin"], entry["gate"]) for entry in documents] == [
        (2, "synthetic", None),
        (1, "official", None),
    ]
    shown = _run(models, "list")
    assert shown.index("synthetic") < shown.index("official")
    assert "tested" in shown


def test_an_unknown_model_lists_nothing() -> None:
    assert "no versions of nothing yet" in _run(models, "list", "--model", "nothing")
    assert json.loads(_run(models, "list", "--model", "nothing", "--json")) == []


def test_describe_shows_the_latest_unless_told() -> None:
    assert "fashion-classifier 2" in _run(models, "describe")
    document = json.loads(_run(models, "describe", "1", "--json"))
    assert (document["version"], document["data_origin"]) == (1, "official")
    assert document["metadata"]["network"] == "linear"


def test_download_gives_the_registered_bundle(registered: Registered, tmp_path: Path) -> None:
    shown = _run(models, "download", "1", "--to", str(tmp_path / "out"))
    assert registered.first.sha256 in shown
    assert open_bundle(tmp_path / "out").sha256 == registered.first.sha256


def test_download_spares_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match=r"mine\.txt"):
        _run(models, "download", "1", "--to", str(tmp_path))
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_a_missing_version_says_what_there_is() -> None:
    with pytest.raises(NotFoundError, match="no version 9; it has 1, 2"):
        _run(models, "describe", "9")


def test_register_needs_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"metadata\.json is missing"):
        _run(models, "register", str(tmp_path))


def test_lineage_prints_the_chain_indented_link_by_link(registered: Registered) -> None:
    lines = _run(lineage, "1").splitlines()
    assert [line.split(":")[0].strip(" └─") for line in lines] == [
        "version",
        "gate",
        "checkpoint",
        "run",
        "data",
        "code",
    ]
    assert registered.first.sha256 in lines[2]
    document = json.loads(_run(lineage, "1", "--json"))
    assert document["bundle_sha256"] == registered.first.sha256
    assert document["gate"] is None


def test_who_is_champion_and_who_was_is_shown(registered: Registered) -> None:
    log = make_log(registered.home, MODEL_NAME)
    with log.held() as writer:
        # Under other numbers, as they had in another registry.
        first, second = registered.first.sha256, registered.second.sha256
        writer.append(served(2, "2026-01-01", reason="first", bundle_sha256=first))
        writer.append(served(1, "2026-01-02", "bob", None, TenureOutcome.REPLACED, second))
    try:
        shown = _run(models, "list")
        assert "champion" in shown
        assert "replaced" in shown
        newer, older = json.loads(_run(models, "list", "--json"))
        assert [tenure["ended"] for tenure in (*newer["promotions"], *older["promotions"])] == [
            None,
            "replaced",
        ]
        assert "champion since 2026-01-02, by bob" in _run(models, "describe", "2")
        top, below, *_ = _run(lineage, "1").splitlines()
        assert top == "serving: replaced on 2026-01-02 after serving since 2026-01-01, by ada (first)"
        assert below.startswith("└─ version")
        (tenure,) = json.loads(_run(lineage, "2", "--json"))["promotions"]
        assert (tenure["bundle_sha256"], tenure["until"]) == (second, None)
    finally:
        (registered.home / "catalogue.db").unlink()


def test_names_and_values_stand_apart(tmp_path: Path, registered: Registered) -> None:
    bundle = registered.first
    name = "a_hyperparameter_of_forty_letters_or_more"
    write_metadata(
        shutil.copytree(bundle.folder, tmp_path / "long"),
        replace(bundle.metadata, hyperparameters={name: 0.001, "seed": 1}),
    )
    _run(models, "register", str(tmp_path / "long"), "--model", "long")
    lines = _run(models, "describe", "--model", "long").splitlines()
    assert f"{name}  0.001" in lines
    assert len({line.index(value) for line in lines for value in ("0.001", "0.9000") if value in line}) == 1


def test_versions_that_cannot_be_used_are_shown_and_break_nothing(
    registered: Registered, tmp_path: Path
) -> None:
    run = partial(_run, models)
    model = ("--model", "broken")
    for number in range(3):
        run("register", str(make_bundle(tmp_path / str(number), seed=number).folder), *model)
    client = open_client(from_environment())
    client.create_model_version("broken", source=str(make_bundle(tmp_path / "hand", seed=9).folder))
    client.set_model_version_tag("broken", "2", "metadata", "half edited")
    client.set_model_version_tag("broken", "3", "fmnist.gate", "{}")
    client.set_model_version_tag("broken", "3", "fmnist.pipeline", "[]")
    documents = json.loads(run("list", *model, "--json"))
    assert [(one["version"], one["status"]) for one in documents] == [
        (4, "unusable"),
        (3, "unreadable"),
        (2, "unusable"),
        (1, "not tested"),
    ]
    problems = [one["problem"] for one in documents]
    assert "was not registered by fmnist" in problems[0]
    assert "not a GateResult" in problems[1]
    assert "not a Pipeline" in problems[1]
    assert "the tag metadata is not" in problems[2]
    assert problems[3] is None
    shown = run("list", *model)
    assert "unusable" in shown
    assert "fmnist models complete 4" in shown
    assert "unreadable: version 3 of broken" in run("describe", *model)
    assert "unreadable" in _run(lineage, "3", *model)
    assert run("register", str(tmp_path / "0"), *model).strip() == "broken 1, dataset=synthetic"
    assert run("complete", "4", *model).strip() == "broken 4, dataset=synthetic"
    run("complete", "2", *model)
    statuses = [one["status"] for one in json.loads(run("list", *model, "--json"))]
    assert statuses == ["not tested", "unreadable", "not tested", "not tested"]


def test_what_is_copied_from_an_unknown_model_is_told() -> None:
    arguments = ("copy", "--from", "mlflow", "--to", "mlflow", "--model")
    with pytest.raises(NotFoundError, match=r"no model nothing in the registry; there are: .*fashion-"):
        _run(models, *arguments, "nothing")
