"""Asking servers on this machine, past any proxy that the environment names."""

from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status and body."""

    status: int
    body: bytes


def get(port: int, path: str, seconds: float = 2.0) -> Answer | None:
    """GET from 127.0.0.1; None if nobody answers within ``seconds``."""
    connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
