"""A server that speaks GitLab's trigger API, as GitLab documents it, and can misbehave."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote

from tests.support.http import HttpServer, QuietHandler

TOKEN = "glptt-3b5f0c9e7a"
PROJECT = "group/fmnist"


@dataclass(frozen=True)
class Canned:
    """An answer that is given whatever is asked; ``seconds`` pass before it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class Gitlab:
    """``canned`` answers come first, one for each request; ``forms`` are the requests, in order."""

    url: str = ""
    branches: tuple[str, ...] = ("master",)
    canned: list[Canned] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    pipelines: int = 0

    def environment(self) -> dict[str, str]:
        return {"GITLAB_URL": self.url, "GITLAB_PROJECT": PROJECT, "GITLAB_TRIGGER_TOKEN": TOKEN}

    def versions(self) -> list[str]:
        """The versions that pipelines were asked for, in order."""
        return [form["variables[MODEL_VERSION]"] for form in self.forms]

    def answer(self, path: str, form: dict[str, str]) -> Canned:
        self.forms.append(form)
        if self.canned:
            return self.canned.pop(0)
        known = unquote(path) == f"/api/v4/projects/{PROJECT}/trigger/pipeline" and "%2F" in path
        if not known or form.get("token") != TOKEN:
            return _json(404, {"message": "404 Not Found"})
        if form.get("ref") not in self.branches:
            return _json(400, {"message": {"base": ["Reference not found"]}})
        self.pipelines += 1
        page = f"{self.url}/{PROJECT}/-/pipelines/{self.pipelines}"
        return _json(201, {"id": self.pipelines, "status": "created", "ref": form["ref"], "web_url": page})


@contextmanager
def serving() -> Iterator[Gitlab]:
    gitlab = Gitlab()

    class Handler(QuietHandler, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = gitlab.answer(self.path, dict(parse_qsl(content)))
            time.sleep(answer.seconds)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    with HttpServer(Handler) as server, patch.dict(os.environ, NO_PROXY="127.0.0.1"):
        gitlab.url = f"http://127.0.0.1:{server.port}"
        yield gitlab


def _json(status: int, document: object) -> Canned:
    return Canned(status, json.dumps(document).encode(), {"Content-Type": "application/json"})
