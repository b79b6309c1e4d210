"""Client of a Pachyderm server: connection, deadlines, errors.

python-pachyderm's client has no timeouts: a pachd that hangs would hang its callers indefinitely. gRPC takes
default deadlines, by method, from a channel's service configuration. What gRPC and python-pachyderm raise
becomes an error of the project; pachd's message is kept.
"""

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]

from fmnist.errors import ConfigError, FmnistError, InputError, NotFoundError, TimedOut, UnavailableError
from fmnist.settings.pachd_address import DEFAULT_PORT, Pachd

_PFS = "pfs_v2.API"
_building = threading.Lock()

_CLASSES: Mapping[grpc.StatusCode, type[FmnistError]] = {
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: InputError,
    grpc.StatusCode.INVALID_ARGUMENT: InputError,
    grpc.StatusCode.UNAUTHENTICATED: ConfigError,
    grpc.StatusCode.PERMISSION_DENIED: ConfigError,
    grpc.StatusCode.UNIMPLEMENTED: ConfigError,
    grpc.StatusCode.DEADLINE_EXCEEDED: TimedOut,
}


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
    from fmnist.clients.pachyderm.api import python_pachyderm, service

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


def translated(pachd: Pachd, doing: str, error: Exception) -> FmnistError:
    """The project's error for one of gRPC's; ``doing`` names the request, with its repo."""
    status, details = status_of(error)
    kind = _CLASSES.get(status, UnavailableError)
    if " invalid: " in details:
        kind = InputError
    advice = _advice(pachd, kind, status, details)
    return kind(f"{doing}: {pachd.url} says {status.name}: {details}{advice and f'; {advice}'}")


def status_of(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """The gRPC status behind an error, and pachd's message.

    python-pachyderm hides some errors in a ``ConnectionError``, as its cause.
    """
    cause = error.__cause__ if isinstance(error, ConnectionError) else error
    if isinstance(cause, grpc.Call):
        # Of what is missing, pachd's message has several lines; the last is complete.
        lines: list[str] = (cause.details() or "").strip().split("\n")
        return cause.code() or grpc.StatusCode.UNKNOWN, lines[-1]
    return grpc.StatusCode.UNAVAILABLE, " ".join(str(error).split()) or type(error).__name__


def _advice(pachd: Pachd, kind: type[FmnistError], status: grpc.StatusCode, details: str) -> str:
    match status:
        case grpc.StatusCode.UNAUTHENTICATED:
            held = "is refused" if pachd.token else "is not set"
            return f"PACH_PYTHON_AUTH_TOKEN {held}; pachctl auth get-robot-token NAME makes one"
        case grpc.StatusCode.PERMISSION_DENIED:
            return "an owner grants it: pachctl auth set repo REPO repoWriter SUBJECT"
        case grpc.StatusCode.UNIMPLEMENTED:
            return "what listens there is no pachd that fmnist knows; see PACHD_ADDRESS"
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return "the server takes smaller messages than fmnist sends"
    if kind in (UnavailableError, TimedOut) and status is not grpc.StatusCode.UNKNOWN:
        return _way_in(pachd, details)
    return ""


def _way_in(pachd: Pachd, details: str) -> str:
    if pachd.socks_proxy and not pachd.is_local:
        return (
            f"{pachd.socks_proxy} cannot carry gRPC; forward the port instead: kubectl port-forward "
            f"service/pachd {DEFAULT_PORT}:{DEFAULT_PORT}, then PACHD_ADDRESS=grpc://127.0.0.1:{DEFAULT_PORT}"
        )
    if "handshake" in details or "CERTIFICATE" in details:
        return "does it speak TLS (grpcs://), and with a certificate that PACHD_CA_FILE vouches for?"
    return "is pachd up, and PACHD_ADDRESS right? Try again"
