"""What GitLab's trigger API does: on a server of the tests' own, and on a real one where that is allowed.

A real one is asked only with FMNIST_TEST_GITLAB=1 beside GITLAB_URL, GITLAB_PROJECT and
GITLAB_TRIGGER_TOKEN, since it starts a pipeline of version 1.
"""

import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from fmnist.clients import gitlab as gitlab_module
from fmnist.clients.gitlab import GitlabProject, Pipeline
from fmnist.errors import ConfigError, FmnistError, UnavailableError
from tests.support.gitlab import TOKEN, Canned, Gitlab, serving
from tests.support.real import SERVERS

VARIABLES = {"MODEL_NAME": "fashion-classifier", "MODEL_VERSION": "1"}


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited between attempts; no time passes."""
    pauses: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=pauses.append, time=time.time))
    return pauses


@pytest.fixture
def server() -> Iterator[Gitlab]:
    with serving() as gitlab:
        yield gitlab


@pytest.fixture
def project(server: Gitlab, slept: list[float]) -> GitlabProject:
    return GitlabProject.from_environment(server.environment())


@pytest.fixture(params=["in-process", "real"])
def either(request: pytest.FixtureRequest) -> GitlabProject:
    if request.param == "in-process":
        project: GitlabProject = request.getfixturevalue("project")
        return project
    if SERVERS.get("FMNIST_TEST_GITLAB") != "1":
        pytest.skip("no GitLab server: FMNIST_TEST_GITLAB=1 is not set")
    return GitlabProject.from_environment(SERVERS)


def test_a_pipeline_is_started(either: GitlabProject) -> None:
    pipeline = either.trigger(VARIABLES)
    assert pipeline.id > 0
    assert pipeline.url.endswith(f"/pipelines/{pipeline.id}")


def test_an_unknown_branch_is_refused_with_gitlabs_words(either: GitlabProject) -> None:
    with pytest.raises(ConfigError, match=r"branch nowhere: HTTP 400: .*Reference not found"):
        replace(either, branch="nowhere").trigger(VARIABLES)


@pytest.mark.parametrize("change", [{"token": "glptt-wrong"}, {"project": "group/other"}])
def test_a_wrong_token_or_project_says_what_to_check(either: GitlabProject, change: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"HTTP 404.*GITLAB_PROJECT and GITLAB_TRIGGER_TOKEN"):
        replace(either, **change).trigger(VARIABLES)


def test_the_request_carries_token_branch_and_variables(server: Gitlab, project: GitlabProject) -> None:
    assert project.trigger(VARIABLES) == Pipeline(1, f"{server.url}/group/fmnist/-/pipelines/1")
    assert server.forms == [
        {
            "token": TOKEN,
            "ref": "master",
            "variables[MODEL_NAME]": "fashion-classifier",
            "variables[MODEL_VERSION]": "1",
        }
    ]


def test_what_may_pass_is_tried_again_with_growing_pauses(
    server: Gitlab, project: GitlabProject, slept: list[float]
) -> None:
    server.canned = [Canned(502), Canned(500, b"<html>"), Canned(503)]
    assert project.trigger(VARIABLES).id == 1
    assert slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("86400", 30.0), ("soon", 1.0)])
def test_gitlabs_wish_to_wait_is_heard_within_bounds(
    server: Gitlab, project: GitlabProject, slept: list[float], asked: str, waited: float
) -> None:
    server.canned = [Canned(429, headers={"Retry-After": asked})]
    project.trigger(VARIABLES)
    assert slept == [waited]


def test_a_server_that_fails_ends_it_after_some_attempts(server: Gitlab, project: GitlabProject) -> None:
    server.canned = [Canned(500)] * 9
    with pytest.raises(UnavailableError, match="no pipeline after 4 attempts: HTTP 500"):
        project.trigger(VARIABLES)
    assert len(server.forms) == 4


@pytest.mark.parametrize(
    "body",
    [b"<html>sign in</html>", b"[]", b'{"id": "1"}', b"[" * 60_000, b"\xff" * 100_000],
    ids=["html", "list", "no number", "nested", "binary"],
)
def test_a_success_without_a_pipeline_is_not_believed_nor_repeated(
    server: Gitlab, project: GitlabProject, body: bytes
) -> None:
    server.canned = [Canned(201, body)]
    with pytest.raises(UnavailableError, match="HTTP 201, but the response names no pipeline"):
        project.trigger(VARIABLES)
    assert len(server.forms) == 1


def test_a_server_that_says_nothing_ends_it(
    server: Gitlab, project: GitlabProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitlab_module, "READ_SECONDS", 0.05)
    server.canned = [Canned(201, seconds=0.5)] * 4
    with pytest.raises(UnavailableError, match="ReadTimeout"):
        project.trigger(VARIABLES)


def test_no_server_ends_it(project: GitlabProject) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1.*ConnectionError"):
            replace(project, server=closed).trigger(VARIABLES)


def test_a_redirect_does_not_carry_the_token_away(server: Gitlab, project: GitlabProject) -> None:
    with serving() as elsewhere:
        server.canned = [Canned(307, headers={"Location": f"{elsewhere.url}/?{TOKEN}"})]
        with pytest.raises(ConfigError, match=rf"HTTP 307 to {elsewhere.url}.*set GITLAB_URL"):
            project.trigger(VARIABLES)
        assert elsewhere.forms == []


@pytest.mark.parametrize("status", [307, 400, 401, 403, 404, 422, 429, 500, 201])
def test_the_token_is_never_shown(
    server: Gitlab, project: GitlabProject, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"message": {"token": [f"{TOKEN} is \x1b[31mwrong"]}}).encode()
    server.canned = [Canned(status, body, {"Location": f"/{TOKEN}"})] * 4
    with pytest.raises(FmnistError) as raised:
        project.trigger(VARIABLES)
    shown = [str(raised.value), repr(raised.value), repr(project), str(project), caplog.text]
    assert [text for text in shown if TOKEN in text or "\x1b" in text] == []
    assert server.forms[0]["token"] == TOKEN
