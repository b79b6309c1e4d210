"""GitLab's trigger API: a pipeline for a model version, since no registry tells GitLab of a new one."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from fmnist.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
ATTEMPTS = 4
BACKOFF_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_ANSWER = 1 << 16
_LONGEST_QUOTE = 300


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that GitLab made: its number there, and the page that shows it."""

    id: int
    url: str


@dataclass(frozen=True)
class _Again:
    """Why an attempt failed that may succeed later, and for how many seconds GitLab asked to wait."""

    reason: str
    seconds: float = 0.0


@dataclass(frozen=True)
class GitlabProject:
    """Where pipelines run: a project (its number or path) and a branch on a server.

    ``token`` is one of the project's pipeline trigger tokens; no message and no repr shows it.
    """

    server: str
    project: str
    branch: str
    token: str = field(repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "GitlabProject":
        """Read GITLAB_URL, GITLAB_PROJECT, GITLAB_BRANCH (default: master) and GITLAB_TRIGGER_TOKEN.

        Raises:
            ConfigError: one of them is missing or cannot be used.
        """
        given = {name: environ.get(name, "").strip() for name in _VARIABLES}
        if missing := [f"{name} ({what})" for name, what in _VARIABLES.items() if not given[name]]:
            raise ConfigError(f"to trigger a GitLab pipeline, set {', '.join(missing)}")
        return cls(
            server=_server(given["GITLAB_URL"]),
            project=given["GITLAB_PROJECT"],
            branch=environ.get("GITLAB_BRANCH") or "master",
            token=given["GITLAB_TRIGGER_TOKEN"],
        )

    def trigger(self, variables: Mapping[str, str]) -> Pipeline:
        """Start a pipeline that sees ``variables``.

        An answer that is lost on the way is asked for again, so there may be two pipelines then.

        Raises:
            ConfigError: GitLab does not take the request; the message says what it said.
            UnavailableError: it could not be reached, or was not itself, in any of the attempts.
        """
        pause, reason = BACKOFF_SECONDS, ""
        for attempt in range(1, ATTEMPTS + 1):
            outcome = self._attempt(variables)
            if isinstance(outcome, Pipeline):
                return outcome
            reason = outcome.reason
            if attempt < ATTEMPTS:
                time.sleep(min(max(pause, outcome.seconds), LONGEST_PAUSE_SECONDS))
                pause *= 2
        raise UnavailableError(
            f"GitLab project {self.project} on {self.server}: no pipeline after {ATTEMPTS} attempts: {reason}"
        )

    def _attempt(self, variables: Mapping[str, str]) -> Pipeline | _Again:
        import requests
        import urllib3

        form = {"token": self.token, "ref": self.branch}
        form |= {f"variables[{name}]": value for name, value in variables.items()}
        url = f"{self.server}/api/v4/projects/{quote(self.project, safe='')}/trigger/pipeline"
        try:
            # A redirect would carry the token to another address.
            with requests.post(
                url,
                data=form,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = response.raw.read(_LONGEST_ANSWER, decode_content=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            return _Again(f"the connection failed ({type(error).__name__})")
        return self._outcome(response, _parsed(body))

    def _outcome(self, response: "requests.Response", answer: Any) -> Pipeline | _Again:
        status = response.status_code
        if status in (200, 201):
            return _pipeline(answer) or _Again(f"HTTP {status}, but not with a pipeline")
        if status in (408, 429) or status >= 500:
            return _Again(f"HTTP {status}", _seconds(response.headers.get("Retry-After", "")))
        raise ConfigError(self._refusal(response, answer))

    def _refusal(self, response: "requests.Response", answer: Any) -> str:
        status = response.status_code
        where = f"GitLab project {self.project} on {self.server}, branch {self.branch}"
        if 300 <= status < 400:
            target = response.headers.get("Location", "elsewhere").replace(self.token, "***")
            return f"{where}: HTTP {status} to {target}; set GITLAB_URL to the server's own address"
        said = _said(answer).replace(self.token, "***")[:_LONGEST_QUOTE]
        hint = _HINTS.get(status, "")
        return f"{where}: HTTP {status}{': ' + said if said else ''}{hint}"


_VARIABLES = {
    "GITLAB_URL": "like https://gitlab.example.com",
    "GITLAB_PROJECT": "its number or path, like group/fmnist",
    "GITLAB_TRIGGER_TOKEN": "of the project's Settings > CI/CD > Pipeline trigger tokens",
}

_HINTS = {
    401: "; check GITLAB_TRIGGER_TOKEN",
    403: "; check that the token's owner may run pipelines and set their variables",
    404: "; check GITLAB_URL, GITLAB_PROJECT and GITLAB_TRIGGER_TOKEN (GitLab hides which one is wrong)",
}


def _server(url: str) -> str:
    shown = "***" if "@" in url else url
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in url or parts.query or parts.fragment:
        raise ConfigError(f"GITLAB_URL={shown}: expected an address like https://gitlab.example.com")
    return url.rstrip("/")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _pipeline(answer: Any) -> Pipeline | None:
    match answer:
        case {"id": int(number), "web_url": str(url)}:
            return Pipeline(number, url)
    return None


def _said(answer: Any) -> str:
    match answer:
        case {"message": message} | {"error": message}:
            text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
            return "".join(letter for letter in text if letter.isprintable())
    return ""


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() else 0.0
