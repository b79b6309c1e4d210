from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest

from fmnist import wiring as engines
from fmnist.catalogue.watch_cursors import version_cursor
from fmnist.clients import gitlab as gitlab_module
from fmnist.clients.gitlab import GitlabProject
from fmnist.errors import ConfigError, IntegrityError, UnavailableError
from fmnist.gate import gitlab as watch_module
from fmnist.gate.gitlab import Pipelines, begin, poll, watch
from fmnist.registry.base import ModelRegistry, ModelVersion
from tests.support.bundles import make_bundle
from tests.support.gitlab import Canned, Gitlab, serving
from tests.support.homes import make_home

MODEL = "shoes"


class Shop:
    """A registry, a GitLab, a watcher's cursor, and what the watcher said."""

    def __init__(self, folder: Path, gitlab: Gitlab) -> None:
        self._folder = folder
        self.gitlab = gitlab
        self.registry: ModelRegistry = engines.model_registry(make_home(folder / "home"))
        project = GitlabProject.from_environment(gitlab.environment())
        self.pipelines = Pipelines(self.registry, project, folder / "pipelines")
        self.cursor = version_cursor(folder / "home", MODEL)
        self.said: list[str] = []

    def register(self, *seeds: int) -> None:
        for seed in seeds:
            self.registry.register(MODEL, make_bundle(self._folder / str(seed), seed=seed))

    def begin(self, first: int | None = None) -> int:
        return begin(self.registry, MODEL, self.cursor, first)

    def poll(self) -> list[int]:
        found = poll(self.registry, self.pipelines, MODEL, self.cursor, self.said.append)
        return [version.number for version in found]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(gitlab_module, "BACKOFF_SECONDS", 0.001)
    with serving() as gitlab:
        yield Shop(tmp_path, gitlab)


def test_the_first_watch_begins_with_the_latest_version(shop: Shop) -> None:
    shop.register(1, 2, 3)
    assert shop.begin() == 2
    assert shop.poll() == [3]
    assert shop.poll() == []
    shop.register(4, 5)
    assert shop.poll() == [4, 5]
    assert shop.gitlab.versions() == ["3", "4", "5"]


def test_a_watch_of_an_empty_registry_sees_the_first_version(shop: Shop) -> None:
    assert shop.begin() == 0
    assert shop.poll() == []
    shop.register(1)
    assert shop.poll() == [1]


def test_a_later_watch_goes_on_where_the_last_one_stopped(shop: Shop) -> None:
    shop.register(1)
    shop.begin()
    shop.poll()
    shop.register(2, 3, 4)
    assert shop.begin() == 1
    assert shop.poll() == [2, 3, 4]


def test_a_version_that_has_its_pipeline_gets_no_other(shop: Shop) -> None:
    shop.register(1, 2, 3)
    shop.pipelines.ensure(shop.registry.get(MODEL, 2))
    assert shop.begin(first=1) == 0
    assert shop.poll() == [1, 3]
    assert shop.begin(first=1) == 0
    assert shop.poll() == []
    assert shop.gitlab.versions() == ["2", "1", "3"]


def test_what_fails_is_tried_again_and_nothing_is_left_out(shop: Shop) -> None:
    shop.register(1, 2, 3)
    shop.begin(first=1)
    shop.gitlab.canned = [Canned(201, b'{"id": 9, "web_url": "https://gitlab/9"}'), *[Canned(503)] * 4]
    with pytest.raises(UnavailableError, match="version 2 of shoes is registered, but has no pipeline"):
        shop.poll()
    assert shop.cursor.read() == 1
    assert shop.poll() == [2, 3]


def test_a_version_that_cannot_be_read_holds_up_no_other(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.register(1, 2)
    get = shop.registry.get

    def damaged(model: str, number: int | None = None) -> ModelVersion:
        if number == 1:
            raise IntegrityError("version 1 of shoes: has no bundle")
        return get(model, number)

    monkeypatch.setattr(shop.registry, "get", damaged)
    shop.begin(first=1)
    assert shop.poll() == [2]
    assert shop.said == ["skipped: version 1 of shoes: has no bundle"]


def test_a_cursor_of_another_registry_is_not_followed(shop: Shop) -> None:
    shop.register(1)
    shop.cursor.write(7)
    with pytest.raises(ConfigError, match="model shoes: has seen version 7, but the newest of shoes is 1"):
        shop.begin()
    assert shop.begin(first=1) == 0


def test_the_watch_outlives_a_gitlab_that_is_away(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(watch_module, "time", SimpleNamespace(sleep=pauses.append))
    shop.register(1)
    shop.begin()
    shop.gitlab.canned = [Canned(503)] * 4
    found = watch(shop.registry, shop.pipelines, MODEL, shop.cursor, shop.said.append, seconds=30)
    assert [version.number for version in islice(found, 1)] == [1]
    assert pauses == [30]
    assert "trying again in 30 s" in shop.said[0]
