import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist import wiring as engines
from fmnist.clients.gitlab import GitlabProject, Pipeline
from fmnist.errors import ConfigError, IntegrityError, UnavailableError
from fmnist.gate.gitlab import ANNOTATION, Pipelines, pipeline_of
from fmnist.registry.base import ModelRegistry, ModelVersion
from tests.support.bundles import make_bundle
from tests.support.gitlab import Canned, Gitlab, serving
from tests.support.homes import make_home


@pytest.fixture
def gitlab() -> Iterator[Gitlab]:
    with serving() as server:
        yield server


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return engines.model_registry(make_home(tmp_path / "home"))


@pytest.fixture
def version(registry: ModelRegistry, tmp_path: Path) -> ModelVersion:
    return registry.register("shoes", make_bundle(tmp_path / "bundle"))


@pytest.fixture
def pipelines(registry: ModelRegistry, gitlab: Gitlab, tmp_path: Path) -> Pipelines:
    return Pipelines(registry, GitlabProject.from_environment(gitlab.environment()), tmp_path / "pipelines")


def test_a_version_gets_one_pipeline_however_often_it_is_asked_for(
    pipelines: Pipelines, registry: ModelRegistry, version: ModelVersion, gitlab: Gitlab
) -> None:
    assert pipeline_of(version) is None
    first = pipelines.ensure(version)
    assert pipeline_of(first) == Pipeline(1, f"{gitlab.url}/group/fmnist/-/pipelines/1")
    assert pipelines.ensure(version) == first == registry.get("shoes", 1)
    assert [form["variables[MODEL_NAME]"] for form in gitlab.forms] == ["shoes"]


def test_those_who_ask_at_once_get_the_same(
    pipelines: Pipelines, version: ModelVersion, gitlab: Gitlab
) -> None:
    gitlab.canned = [Canned(201, b'{"id": 1, "web_url": "https://gitlab/1"}', seconds=0.2)]
    got: list[ModelVersion] = []
    threads = [threading.Thread(target=lambda: got.append(pipelines.ensure(version))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [pipeline_of(found) for found in got] == [Pipeline(1, "https://gitlab/1")] * 3
    assert len(gitlab.forms) == 1


def test_a_refusal_says_that_the_version_is_registered(
    pipelines: Pipelines, registry: ModelRegistry, version: ModelVersion, gitlab: Gitlab
) -> None:
    gitlab.canned = [Canned(400, b'{"message": {"base": ["The rules prevented any jobs"]}}')]
    with pytest.raises(
        ConfigError, match=r"version 1 of shoes is registered, but has no pipeline: .*prevented"
    ):
        pipelines.ensure(version)
    assert pipeline_of(registry.get("shoes", 1)) is None
    assert pipeline_of(pipelines.ensure(version)) is not None


def test_a_registry_that_dies_after_the_start_does_not_hide_the_pipeline(
    pipelines: Pipelines, registry: ModelRegistry, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(*_: object) -> ModelVersion:
        raise UnavailableError("registry: the disk is full")

    monkeypatch.setattr(registry, "annotate", dead)
    with pytest.raises(
        UnavailableError, match=r"pipelines/1 of version 1 .* could not be recorded: .*disk is full"
    ):
        pipelines.ensure(version)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 1}', '{"id": 1, "url": "u", "surplus": 2}'])
def test_a_note_that_names_no_pipeline_is_not_believed(version: ModelVersion, text: str) -> None:
    with pytest.raises(IntegrityError, match=r"version 1 of shoes, fmnist\.pipeline: not a Pipeline"):
        pipeline_of(replace(version, annotations={ANNOTATION: text}))
