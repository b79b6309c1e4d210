import pytest

from fmnist.clients.gitlab import GitlabProject
from fmnist.errors import ConfigError

_GIVEN = {"GITLAB_URL": "https://gitlab.example.com", "GITLAB_PROJECT": "7", "GITLAB_TRIGGER_TOKEN": "secret"}


def test_the_environment_names_the_project() -> None:
    given = {**_GIVEN, "GITLAB_URL": "https://example.com/gitlab/ ", "GITLAB_TRIGGER_TOKEN": "secret\n"}
    project = GitlabProject.from_environment(given)
    assert project == GitlabProject("https://example.com/gitlab", "7", "master", "secret")
    assert GitlabProject.from_environment({**_GIVEN, "GITLAB_BRANCH": "main"}).branch == "main"
    assert "secret" not in repr(project)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"GITLAB_URL \(.*GITLAB_PROJECT \(.*GITLAB_TRIGGER_TOKEN \("):
        GitlabProject.from_environment({})
    with pytest.raises(ConfigError, match=r"set GITLAB_TRIGGER_TOKEN \([^()]*\)$"):
        GitlabProject.from_environment({**_GIVEN, "GITLAB_TRIGGER_TOKEN": " "})


@pytest.mark.parametrize(
    "url", ["gitlab.example.com", "ftp://example.com", "https://", "https://a:x/", "https://[", "https://a?b"]
)
def test_an_address_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match=r"GITLAB_URL=.*expected an address like https"):
        GitlabProject.from_environment({**_GIVEN, "GITLAB_URL": url})


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as raised:
        GitlabProject.from_environment({**_GIVEN, "GITLAB_URL": "https://me:hidden@example.com"})
    assert "hidden" not in str(raised.value)
