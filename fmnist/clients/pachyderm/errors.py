"""Errors of gRPC and python-pachyderm as the project's; pachd's message is kept."""

from collections.abc import Mapping

import grpc  # type: ignore[import-untyped, unused-ignore]

from fmnist.errors import ConfigError, FmnistError, InputError, NotFoundError, TimedOut, UnavailableError
from fmnist.settings.pachd_address import DEFAULT_PORT, Pachd

_CLASSES: Mapping[grpc.StatusCode, type[FmnistError]] = {
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: InputError,
    grpc.StatusCode.INVALID_ARGUMENT: InputError,
    grpc.StatusCode.UNAUTHENTICATED: ConfigError,
    grpc.StatusCode.PERMISSION_DENIED: ConfigError,
    grpc.StatusCode.UNIMPLEMENTED: ConfigError,
    grpc.StatusCode.DEADLINE_EXCEEDED: TimedOut,
}


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
