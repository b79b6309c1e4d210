"""GitLab's trigger API."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from fmnist.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    import requests
    import urllib3

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
ATTEMPTS = 4
BACKOFF_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0
_MAX_BODY = 1 << 16
_MAX_QUOTE = 300
_TRANSIENT = frozenset((408, 429, *range(500, 600)))


@dataclass(frozen=True)
class Pipeline:
    """A pipeline: its number in GitLab, and the address of its page."""

    id: int
    url: str


@dataclass(frozen=True)
class GitlabProject:
    """A project (its number or path) and a branch on a server, in which pipelines run.

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

        A response that is lost is requested again, so there may be two pipelines then.

        Raises:
            ConfigError: GitLab rejects the request; the message quotes GitLab.
            UnavailableError: every attempt failed, or GitLab's response names no pipeline.
        """
        import requests
        import urllib3

        where = f"GitLab project {self.project} on {self.server}"
        form = {"token": self.token, "ref": self.branch}
        form |= {f"variables[{name}]": value for name, value in variables.items()}
        url = f"{self.server}/api/v4/projects/{quote(self.project, safe='')}/trigger/pipeline"
        try:
            with requests.Session() as session:
                session.mount(self.server, requests.adapters.HTTPAdapter(max_retries=_retries()))
                # A redirect would carry the token to another address.
                with session.post(
                    url, form, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False, stream=True
                ) as response:
                    content = _parsed(response.raw.read(_MAX_BODY, decode_content=True))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise UnavailableError(
                f"{where}: no pipeline after {ATTEMPTS} attempts: {_cause(error)}"
            ) from error
        status = response.status_code
        match content:
            case {"id": int(number), "web_url": str(page)} if status in (200, 201):
                return Pipeline(number, page)
        if status in (200, 201):
            raise UnavailableError(f"{where}: HTTP {status}, but the response names no pipeline")
        if status in _TRANSIENT:
            raise UnavailableError(f"{where}: no pipeline after {ATTEMPTS} attempts: HTTP {status}")
        raise ConfigError(f"{where}, branch {self.branch}: {self._refusal(response, content)}")

    def _refusal(self, response: "requests.Response", content: Any) -> str:
        status = response.status_code
        if 300 <= status < 400:
            target = response.headers.get("Location", "elsewhere").replace(self.token, "***")
            return f"HTTP {status} to {target}; set GITLAB_URL to the server's own address"
        quoted = _message(content).replace(self.token, "***")[:_MAX_QUOTE]
        return f"HTTP {status}{': ' + quoted if quoted else ''}{_HINTS.get(status, '')}"


def _retries() -> "urllib3.Retry":
    """Retries of transient failures; it pauses before the first one too, and never for long."""
    import urllib3

    class Retries(urllib3.Retry):
        def get_backoff_time(self) -> float:
            return min(BACKOFF_SECONDS * 2.0 ** (len(self.history) - 1), MAX_PAUSE_SECONDS)

        def parse_retry_after(self, retry_after: str) -> float:
            return min(float(retry_after), MAX_PAUSE_SECONDS) if retry_after.isdecimal() else 0.0

    return Retries(ATTEMPTS - 1, allowed_methods=["POST"], status_forcelist=_TRANSIENT, raise_on_status=False)


def _cause(error: Exception) -> str:
    """Name of the failure below the retries; its text may quote the request."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return f"{type(error).__name__}, {type(reason).__name__}" if reason else type(error).__name__


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


def _message(content: Any) -> str:
    match content:
        case {"message": message} | {"error": message}:
            text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
            return "".join(letter for letter in text if letter.isprintable())
    return ""
