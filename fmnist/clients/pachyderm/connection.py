"""Connection to a Pachyderm server, with deadlines.

python-pachyderm's client has no timeouts: a pachd that hangs would hang its callers indefinitely. gRPC takes
default deadlines, by method, from a channel's service configuration.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]

from fmnist.clients.pachyderm.errors import translated
from fmnist.settings.pachd_address import Pachd

_PFS = "pfs_v2.API"
_building = threading.Lock()


@dataclass(frozen=True)
class Deadlines:
    """Seconds after which a call is given up.

    Attributes:
        call: calls without a deadline below.
        wait: waiting for a commit to finish.
        transfer: sending or reading the files of a commit.
        listen: a subscription; the caller subscribes again afterwards.
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
        by_method = [
            {"name": [{"service": _PFS, "method": method}], "timeout": f"{seconds}s"}
            for method, seconds in methods.items()
        ]
        return json.dumps({"methodConfig": [default, *by_method]})


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
        """Raise an error of the project for what the server, or the way to it, refuses in the block.

        Raises:
            NotFoundError: no such repo, branch, commit or file.
            InputError: a name or value that pachd does not accept.
            ConfigError: wrong or no token, a missing role, or no pachd at the address.
            TimedOut: no response before the deadline.
            UnavailableError: the server cannot be reached, broke off, or refused for another reason.
        """
        try:
            yield
        except (grpc.RpcError, grpc.FutureTimeoutError, grpc.FutureCancelledError, ConnectionError) as error:
            raise translated(self.pachd, doing, error) from error


def _client(pachd: Pachd, deadlines: Deadlines) -> Any:
    from fmnist.clients.pachyderm.messages import python_pachyderm, service

    logging.getLogger("grpc._channel").addFilter(_is_new)
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


def _is_new(record: logging.LogRecord) -> bool:
    """Whether a log record says more than the error that the caller gets anyway.

    gRPC logs that python-pachyderm raises a call's error in a callback, and that an upload was given up.
    """
    text = record.getMessage()
    return "_check_connection_error" not in text and text != "Exception iterating requests!"


@contextmanager
def _extended(common: list[Any], options: list[Any]) -> Iterator[None]:
    """Add channel options: the client takes them from a list that all clients share."""
    before = list(common)
    common.extend(options)
    try:
        yield
    finally:
        common[:] = before
