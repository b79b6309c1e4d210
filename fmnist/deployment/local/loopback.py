"""Ports on 127.0.0.1: which are free, who listens, and HTTP past any proxy that the environment names."""

import socket
from contextlib import ExitStack, suppress
from http.client import HTTPConnection, HTTPException

import psutil

HOST = "127.0.0.1"


def get(port: int, path: str, seconds: float = 2.0) -> bytes | None:
    """Body of an HTTP 200 for ``path``; None for anything else, or if no answer comes in time."""
    connection = HTTPConnection(HOST, port, timeout=seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        return body if response.status == 200 else None
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def listener(port: int) -> str | None:
    """Name of the program that listens on a TCP port, as ``name (pid n)``; None if it cannot be seen."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.pid and getattr(connection.laddr, "port", None) == port:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return None


def is_free(port: int) -> bool:
    """Whether a server may listen on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
        return True


def accepts(port: int) -> bool:
    """Whether a server takes connections on this port."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex((HOST, port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports, all different, on which nobody listened a moment ago."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
