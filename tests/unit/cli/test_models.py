"""The verbs ``models`` and ``lineage``, on a registry of two versions."""

import json
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fmnist.catalogue.history import TenureOutcome
from fmnist.cli.lineage import lineage
from fmnist.cli.models import models
from fmnist.core.bundle import Bundle, open_bundle
from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.errors import InputError, NotFoundError
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
        writer.append(served(1, "2026-01-01", reason="first"))
        writer.append(served(2, "2026-01-02", "bob", previous_outcome=TenureOutcome.REPLACED))
    try:
        shown = _run(models, "list")
        assert "champion" in shown
        assert "replaced" in shown
        second, first = json.loads(_run(models, "list", "--json"))
        assert [tenure["ended"] for tenure in (*second["promotions"], *first["promotions"])] == [
            None,
            "replaced",
        ]
        assert "champion since 2026-01-02, by bob" in _run(models, "describe", "2")
        top, below, *_ = _run(lineage, "1").splitlines()
        assert top == "serving: replaced on 2026-01-02 after serving since 2026-01-01, by ada (first)"
        assert below.startswith("└─ version")
        (tenure,) = json.loads(_run(lineage, "2", "--json"))["promotions"]
        assert (tenure["version"], tenure["until"]) == (2, None)
    finally:
        (registered.home / "catalogue.db").unlink()
