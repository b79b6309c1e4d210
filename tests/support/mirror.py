"""A mirror on this machine that can misbehave."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.http import HttpServer, QuietHandler


@dataclass
class Mirror:
    """What the server has and how it answers; ``asked`` holds the Range of every GET, or an empty text."""

    files: dict[str, bytes]
    address: str = ""
    failures: int = 0
    """So many GETs get ``status`` first."""
    status: int = 500
    cut: int | None = None
    """Every answer to a GET ends after so many bytes."""
    ranges: bool = True
    lies_about_ranges: bool = False
    announces_length: bool = True
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Mirror]:
    mirror = Mirror(dict(files))

    class Handler(QuietHandler, BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            _answer(self, mirror)

    with HttpServer(Handler) as server:
        mirror.address = f"http://127.0.0.1:{server.port}/files"
        yield mirror


def _answer(handler: BaseHTTPRequestHandler, mirror: Mirror) -> None:
    wanted = handler.headers.get("Range", "")
    mirror.asked.append(wanted)
    content = mirror.files.get(handler.path.rpartition("/")[2])
    if mirror.failures:
        mirror.failures -= 1
        handler.send_error(mirror.status)
        return
    if content is None:
        handler.send_error(404)
        return
    match = re.fullmatch(r"bytes=(\d+)-", wanted)
    start = int(match[1]) if match and mirror.ranges else 0
    if start and start >= len(content):
        handler.send_error(416)
        return
    if start and mirror.lies_about_ranges:
        start -= 1
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if mirror.announces_length:
        handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    handler.wfile.write(content[start:][: mirror.cut])
