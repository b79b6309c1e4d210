"""A SOCKS5 proxy in this process (RFC 1928), such as `ssh -D` opens: CONNECT, without authentication."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer

_SECONDS = 10
_IPV4, _NAME = 1, 3
_DONE, _REFUSED = 0, 5


@dataclass
class Proxy:
    """At 127.0.0.1:``port``. It knows the names in ``hosts`` by address; ``asked`` are the hosts that it
    was asked for, as they were written.
    """

    hosts: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Handler(BaseRequestHandler):
    proxy: Proxy

    def handle(self) -> None:
        client: socket.socket = self.request
        client.settimeout(_SECONDS)
        with suppress(OSError), client.makefile("rb") as read:
            read.read(read.read(2)[1])
            client.sendall(bytes((5, 0)))
            kind = read.read(4)[3]
            host = socket.inet_ntoa(read.read(4)) if kind == _IPV4 else read.read(read.read(1)[0]).decode()
            (port,) = struct.unpack(">H", read.read(2))
            self.proxy.asked.append(host)
            try:
                server = socket.create_connection((self.proxy.hosts.get(host, host), port), _SECONDS)
            except OSError:
                client.sendall(bytes((5, _REFUSED, 0, _IPV4, *bytes(6))))
                return
            client.sendall(bytes((5, _DONE, 0, _IPV4, *bytes(6))))
            with server:
                back = threading.Thread(target=_relay, args=(server, client), daemon=True)
                back.start()
                _relay(client, server)
                back.join(_SECONDS)


def _relay(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def socks_proxy(**hosts: str) -> Iterator[Proxy]:
    """A proxy that is gone after the block."""
    proxy = Proxy(hosts)
    with _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy})) as server:
        proxy.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join(_SECONDS)
