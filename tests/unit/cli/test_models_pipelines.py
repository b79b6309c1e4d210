"""``models register --trigger-pipeline`` and ``models watch``, with a GitLab of the tests' own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from fmnist import wiring as engines
from fmnist.cli.models import models
from fmnist.errors import ConfigError
from fmnist.settings import Settings
from tests.support.bundles import make_bundle
from tests.support.gitlab import TOKEN, Gitlab, serving
from tests.support.homes import make_home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    own = make_home(tmp_path / "home")
    monkeypatch.setenv("FMNIST_HOME", str(own.home))
    for name in (
        "FMNIST_TRACKING_URI",
        "GITLAB_URL",
        "GITLAB_PROJECT",
        "GITLAB_TRIGGER_TOKEN",
        "GITLAB_BRANCH",
    ):
        monkeypatch.delenv(name, raising=False)
    return own


@pytest.fixture
def gitlab(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gitlab]:
    with serving() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


def _run(*arguments: str) -> str:
    outcome = CliRunner().invoke(models, arguments, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    assert TOKEN not in outcome.output
    return outcome.stdout


def test_registering_starts_one_pipeline(gitlab: Gitlab, tmp_path: Path) -> None:
    folder = str(make_bundle(tmp_path / "bundle").folder)
    page = f"{gitlab.url}/group/fmnist/-/pipelines/1"
    assert _run("register", folder).strip() == "fashion-classifier 1, dataset=synthetic"
    shown = _run("register", folder, "--trigger-pipeline")
    assert shown.strip() == f"fashion-classifier 1, dataset=synthetic, pipeline {page}"
    document = json.loads(_run("register", folder, "--trigger-pipeline", "--json"))
    assert document["pipeline"] == {"id": 1, "url": page}
    assert page in _run("describe")
    assert gitlab.versions() == ["1"]


def test_without_a_project_nothing_is_registered(home: Settings, tmp_path: Path) -> None:
    folder = str(make_bundle(tmp_path / "bundle").folder)
    with pytest.raises(ConfigError, match="GITLAB_TRIGGER_TOKEN"):
        _run("register", folder, "--trigger-pipeline")
    with pytest.raises(ConfigError, match="GITLAB_TRIGGER_TOKEN"):
        _run("watch", "--once")
    assert engines.model_registry(home).versions("fashion-classifier") == []


def test_one_look_starts_what_is_new(home: Settings, gitlab: Gitlab, tmp_path: Path) -> None:
    registry = engines.model_registry(home)
    for seed in (1, 2, 3):
        registry.register("fashion-classifier", make_bundle(tmp_path / str(seed), seed=seed))
    lines = _run("watch", "--once", "--from", "2", "--json").splitlines()
    assert [json.loads(line)["version"] for line in lines] == [2, 3]
    assert _run("watch", "--once") == ""
    registry.register("fashion-classifier", make_bundle(tmp_path / "4", seed=4))
    assert _run("watch", "--once").startswith("fashion-classifier 4, dataset=synthetic, pipeline http")
    assert gitlab.versions() == ["2", "3", "4"]
