"""The connection to pachd: python-pachyderm's client with a deadline on every call.

The client itself has no timeouts: a pachd that hangs would hang its callers for good. gRPC takes default
deadlines, by method, from a channel's service configuration.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fmnist.clients.pachyderm.errors import pachyderm_errors
from fmnist.settings.pachd import Pachd

_PFS = "pfs_v2.API"
_building = threading.Lock()


@dataclass(frozen=True)
class Deadlines:
    """Seconds after which a call is given up.

    ``call`` is for all that have no other; ``wait`` for a commit to finish; ``transfer`` for the files
    of a commit, one way; ``listen`` for a subscription, which then begins anew.
    """

    call: float = 60.0
    wait: float = 300.0
    transfer: float = 900.0
    listen: float = 3600.0

    def service_config(self) -> str:
        """gRPC's service configuration, https://github.com/grpc/grpc/blob/master/doc/service_config.md."""
        methods = {
            "InspectCommit": self.wait,
            "ModifyFile": self.transfer,
            "GetFile": self.transfer,
            "SubscribeCommit": self.listen,
        }
        default = {"name": [{}], "timeout": f"{self.call}s"}
        own = [
            {"name": [{"service": _PFS, "method": method}], "timeout": f"{seconds}s"}
            for method, seconds in methods.items()
        ]
        return json.dumps({"methodConfig": [default, *own]})


class Connection:
    """A client of the server ``pachd``, made when first used; connecting happens at its first call."""

    def __init__(self, pachd: Pachd, deadlines: Deadlines | None = None) -> None:
        self.pachd = pachd
        self.deadlines = deadlines or Deadlines()

    @cached_property
    def client(self) -> Any:
        """python-pachyderm's client; call it inside ``errors``."""
        return _client(self.pachd, self.deadlines)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Raises the project's errors for what fails in the block; see ``pachyderm_errors``."""
        with pachyderm_errors(self.pachd, doing):
            yield


def _client(pachd: Pachd, deadlines: Deadlines) -> Any:
    import python_pachyderm  # type: ignore[import-untyped, unused-ignore]
    from python_pachyderm import service

    logging.getLogger("grpc._channel").addFilter(_tells_news)
    options: list[tuple[str, str | int]] = [("grpc.service_config", deadlines.service_config())]
    if pachd.is_local or pachd.socks_proxy:
        # A forwarded port is not behind the proxy; and gRPC complains of SOCKS, then goes without.
        options.append(("grpc.enable_http_proxy", 0))
    authorities = pachd.authorities.read_bytes() if pachd.authorities else None
    with _building, _extended(service.GRPC_CHANNEL_OPTIONS, options):
        return python_pachyderm.Client(
            host=f"[{pachd.host}]" if ":" in pachd.host else pachd.host,
            port=pachd.port,
            auth_token=pachd.token,
            root_certs=authorities,
            tls=pachd.tls,
            use_default_host=False,
        )


def _tells_news(record: logging.LogRecord) -> bool:
    """Not what a caller gets as an error anyway.

    gRPC logs that python-pachyderm raises a call's error in a callback, and that an upload was given up.
    """
    text = record.getMessage()
    return "_check_connection_error" not in text and text != "Exception iterating requests!"


@contextmanager
def _extended(common: list[Any], own: list[Any]) -> Iterator[None]:
    """The client takes its channel's options from a list that all clients share."""
    before = list(common)
    common.extend(own)
    try:
        yield
    finally:
        common[:] = before
