"""A running Envoy: start it on its port, give it clusters and routes, see that it follows them."""

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from urllib.parse import quote

from fmnist.deployment.local import envoy, loopback
from fmnist.deployment.local.envoy import Address, Backend, Gateway
from fmnist.deployment.local.processes import Sessions, size_of, tail, wait_until
from fmnist.deployment.local.state import RunningGateway
from fmnist.errors import TimedOut, UnavailableError
from fmnist.files.atomic import write_atomically

_START_SECONDS = 15.0
_STOP_SECONDS = 5.0
_FOLLOW_SECONDS = 10.0


def require_free(port: int) -> None:
    """Check that the gateway may listen on 127.0.0.1 and ``port``.

    Raises:
        UnavailableError: the port is taken; the message says by which program and what to do.
    """
    if not loopback.is_free(port):
        who = loopback.listener(port) or "another program"
        raise UnavailableError(
            f"port {port} is taken by {who}; stop that, or name another port, as in FMNIST_GATEWAY_PORT=8081"
        )


def start(address: Address, backends: Sequence[Backend], port: int, sessions: Sessions) -> RunningGateway:
    """Start Envoy; it routes to ``backends`` when this returns.

    Raises:
        UnavailableError: the port is taken, or Envoy does not start; the message ends with its log.
    """
    require_free(port)
    envoys = Gateway(port, loopback.free_ports(1)[0], sessions.folder.resolve() / "gateway")
    generation = time.time_ns()
    write_atomically(envoys.bootstrap, envoy.bootstrap(envoys))
    write_atomically(envoys.clusters, envoy.clusters(backends, generation))
    write_atomically(envoys.routes, envoy.routes(address, backends, generation))
    log = sessions.folder / "logs" / "gateway.log"
    since = size_of(log)
    session = sessions.start(envoy.command(envoys), variables={}, cwd=sessions.folder, log=log)
    started = RunningGateway(session, port, envoys.admin_port, address.path, str(log))

    def is_settled() -> bool:
        return _generation(started) == generation or not sessions.is_running(session)

    try:
        wait_until(is_settled, _START_SECONDS, "the gateway did not answer")
        if _generation(started) != generation:
            raise TimedOut("the gateway ended")
    except BaseException as error:
        stop(started, sessions)
        if not isinstance(error, TimedOut):
            raise
        raise UnavailableError(f"the gateway does not start; {log} ends with:\n{tail(log, since)}") from None
    return started


def is_running(gateway: RunningGateway, sessions: Sessions) -> bool:
    """Whether Envoy lives and answers."""
    return _generation(gateway) is not None and sessions.is_running(gateway.session)


def is_current(gateway: RunningGateway, sessions: Sessions) -> bool:
    """Whether it was started as this fmnist would: limits of a running Envoy cannot be changed."""
    files = _files(gateway, sessions)
    return files.bootstrap.exists() and files.bootstrap.read_text() == envoy.bootstrap(files)


def route(
    gateway: RunningGateway,
    address: Address,
    before: Iterable[Backend],
    after: Sequence[Backend],
    sessions: Sessions,
) -> None:
    """Move the traffic from ``before`` to ``after`` without losing a request, and see the gateway follow.

    Raises:
        TimedOut: it does not follow.
    """
    envoys = _files(gateway, sessions)
    generation = time.time_ns()
    kept = {backend.cluster for backend in after}
    dropped = [backend for backend in before if backend.cluster not in kept]
    write_atomically(envoys.clusters, envoy.clusters([*after, *dropped], generation))
    what = f"the gateway did not follow (see {gateway.log})"
    wait_until(
        lambda: _statistic(gateway, envoy.CLUSTERS_GENERATION) == str(generation), _FOLLOW_SECONDS, what
    )
    write_atomically(envoys.routes, envoy.routes(address, after, generation))
    wait_until(lambda: _generation(gateway) == generation, _FOLLOW_SECONDS, what)


def drain(
    gateway: RunningGateway, dropped: Backend, left: Sequence[Backend], seconds: float, sessions: Sessions
) -> None:
    """Let ``dropped``, which gets no new requests, finish those in flight, for ``seconds`` at most."""
    with suppress(TimedOut):
        wait_until(lambda: not _active(gateway, dropped), seconds, "")
    write_atomically(_files(gateway, sessions).clusters, envoy.clusters(left, time.time_ns()))


def stop(gateway: RunningGateway, sessions: Sessions) -> None:
    """Stop Envoy.

    Raises:
        FmnistError: it does not end.
    """
    sessions.stop([gateway.session], _STOP_SECONDS)


def _generation(gateway: RunningGateway) -> int | None:
    body = loopback.get(gateway.port, envoy.GENERATION_PATH)
    with suppress(ValueError, KeyError, TypeError):
        return int(json.loads(body or b"")["generation"])
    return None


def _active(gateway: RunningGateway, backend: Backend) -> bool:
    return any(_statistic(gateway, name) not in (None, "0") for name in backend.active_statistics)


def _statistic(gateway: RunningGateway, name: str) -> str | None:
    body = loopback.get(gateway.admin_port, f"/stats?filter={quote(f'^{name}$')}") or b""
    key, _, value = body.decode().partition(":")
    return value.strip().strip('"') if key == name else None


def _files(gateway: RunningGateway, sessions: Sessions) -> Gateway:
    return Gateway(gateway.port, gateway.admin_port, sessions.folder.resolve() / "gateway")
