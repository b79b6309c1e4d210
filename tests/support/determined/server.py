"""The master's HTTP side: authentication, routes, checkpoint downloads, and misbehaviour on demand."""

import io
import json
import re
import socket
import struct
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.determined.records import Records
from tests.support.determined.routes import PASSWORD, ROUTES, USER, Refused, Request

_NO_LOGIN = ("/api/v1/auth/login", "/api/v1/master")


@dataclass
class Fault:
    """Spoils the next ``times`` requests whose method and path match ``pattern``.

    With ``status`` it answers that error; with ``seconds`` it keeps silent that long first; with
    ``cut`` it breaks the connection in the middle of the answer; with ``lost`` it does what was
    asked and then breaks it without an answer.
    """

    pattern: str
    times: int = 1
    status: int | None = None
    message: str = "out of order"
    seconds: float = 0.0
    cut: bool = False
    lost: bool = False


@dataclass
class Master:
    """A master at ``url``. ``requests`` are the methods and paths that were asked, in order."""

    url: str
    storage: Path
    records: Records = field(default_factory=Records)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    storage_delay: float = 0.0
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None
    connections: set[socket.socket] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def environment(self) -> dict[str, str]:
        return {"DET_MASTER": self.url, "DET_USER": USER, "DET_PASS": PASSWORD}

    def start(self) -> None:
        """Listen, at the same port as before."""
        port = urlsplit(self.url).port or 0
        self._server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"master": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Go down; what was recorded stays."""
        if self._server and self._thread:
            self._server.shutdown()
            self._server.server_close()
            for connection in list(self.connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._thread.join(10)
            self._server = None

    def fault_for(self, asked: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.pattern, asked):
                    fault.times -= 1
                    return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """Clients that went away are no concern of ours."""


@contextmanager
def serving(storage: Path) -> Iterator[Master]:
    """A fresh master whose checkpoint downloads come from ``storage``."""
    master = Master("http://127.0.0.1:0", storage)
    master.start()
    try:
        yield master
    finally:
        master.stop()


class _Handler(BaseHTTPRequestHandler):
    master: Master
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.master.connections.add(self.connection)

    def finish(self) -> None:
        self.master.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(length)
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        asked = f"{self.command} {path}"
        self.master.requests.append(asked)
        fault = self.master.fault_for(asked)
        if fault:
            time.sleep(fault.seconds)
            if fault.status:
                self._send(fault.status, _error(fault.message))
                return
        try:
            self._check_login(path)
            if path.startswith("/checkpoints/"):
                status, body = 200, _archive(self.master.storage / path.removeprefix("/checkpoints/"))
            else:
                status, body = 200, self._route(path, parse_qs(parts.query), content)
        except Refused as error:
            status, body = error.status, _error(str(error))
        if fault and (fault.cut or fault.lost):
            self._break(b"" if fault.lost else body)
            return
        self._send(status, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def _check_login(self, path: str) -> None:
        token = self.headers.get("Authorization") or self.headers.get("Grpc-Metadata-x-allocation-token")
        if path not in _NO_LOGIN and (token or "").removeprefix("Bearer ") not in self.master.records.tokens:
            raise Refused(401, "user not logged in")

    def _route(self, path: str, query: dict[str, list[str]], content: bytes) -> bytes:
        for method, pattern, handler in ROUTES:
            found = pattern.fullmatch(path)
            if found and method == self.command:
                body = json.loads(content) if content else {}
                request = Request(self.master.records, query, body, self.master.storage_delay)
                slow = path.endswith(("/preemption", "/metrics"))
                with nullcontext() if slow else self.master.lock:
                    reply = handler(request, *found.groups())
                if reply is None:
                    return b"{}"
                return json.dumps(reply if isinstance(reply, dict) else reply.to_json(True)).encode()
        raise Refused(404, f"{self.command} {path}: not found")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _break(self, body: bytes) -> None:
        if body:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
        # A reset instead of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


def _error(message: str) -> bytes:
    return json.dumps({"error": {"code": 2, "reason": "Unknown", "error": message}}).encode()


def _archive(folder: Path) -> bytes:
    if not folder.is_dir():
        raise Refused(404, f"checkpoint '{folder.name}' not found")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder), recursive=False)
    return stream.getvalue()
