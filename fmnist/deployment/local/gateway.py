"""A running Envoy: started on its port, given clusters and routes, seen to follow them."""

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from fmnist.deployment.local import envoy, loopback, processes
from fmnist.deployment.local.envoy import Address, Backend, Gateway
from fmnist.deployment.local.state import RunningGateway
from fmnist.errors import TimedOut, UnavailableError
from fmnist.files.atomic import write_atomically

_START_SECONDS = 15.0
_STOP_SECONDS = 5.0
_FOLLOW_SECONDS = 10.0


def require_free(port: int) -> None:
    """Check that the gateway may listen on 127.0.0.1 and ``port``.

    Raises:
        UnavailableError: somebody else does; the message says who and what to do.
    """
    if not processes.is_free(port):
        who = processes.listener(port) or "another program"
        raise UnavailableError(
            f"port {port} is taken by {who}; stop that, or name another port, as in FMNIST_GATEWAY_PORT=8081"
        )


def start(address: Address, backends: Sequence[Backend], port: int, owner: Path) -> RunningGateway:
    """Start Envoy; it routes to ``backends`` when this returns.

    Raises:
        UnavailableError: the port is taken, or Envoy does not start; the message ends with its last words.
    """
    require_free(port)
    own = Gateway(port, processes.free_ports(1)[0], _folder(owner))
    generation = time.time_ns()
    write_atomically(own.bootstrap, envoy.bootstrap(own))
    write_atomically(own.clusters, envoy.clusters(backends, generation))
    write_atomically(own.routes, envoy.routes(address, backends, generation))
    log = owner / "logs" / "gateway.log"
    since = processes.size_of(log)
    session = processes.start(envoy.command(own), owner=owner, variables={}, cwd=owner, log=log)
    started = RunningGateway(session, own.port, own.admin_port, address.path, str(log))
    try:
        _wait_started(started, generation, owner)
    except BaseException as error:
        end(started, owner)
        if not isinstance(error, TimedOut):
            raise
        last = processes.tail(log, since)
        raise UnavailableError(f"the gateway does not start; {log} ends with:\n{last}") from None
    return started


def is_running(gateway: RunningGateway, owner: Path) -> bool:
    """True if Envoy lives and answers."""
    answers = loopback.get(gateway.port, envoy.GENERATION_PATH) is not None
    return answers and processes.is_running(gateway.session, owner)


def follow(
    gateway: RunningGateway,
    address: Address,
    before: Iterable[Backend],
    after: Sequence[Backend],
    owner: Path,
) -> None:
    """Move the traffic from ``before`` to ``after``; no request is lost, and the gateway is seen to follow.

    Raises:
        TimedOut: it does not.
    """
    own = Gateway(gateway.port, gateway.admin_port, _folder(owner))
    generation = time.time_ns()
    dropped = [backend for backend in before if backend.cluster not in {one.cluster for one in after}]
    write_atomically(own.clusters, envoy.clusters([*after, *dropped], generation))
    what = f"the gateway did not follow (see {gateway.log})"
    processes.wait_until(
        lambda: _statistic(gateway, envoy.CLUSTERS_GENERATION) == str(generation), _FOLLOW_SECONDS, what
    )
    write_atomically(own.routes, envoy.routes(address, after, generation))
    processes.wait_until(lambda: _generation(gateway) == generation, _FOLLOW_SECONDS, what)


def forget(
    gateway: RunningGateway, dropped: Backend, left: Sequence[Backend], seconds: float, owner: Path
) -> None:
    """Let ``dropped``, which gets no new requests, answer those it has, for ``seconds`` at most."""
    with suppress(TimedOut):
        processes.wait_until(lambda: not _active(gateway, dropped), seconds, "")
    own = Gateway(gateway.port, gateway.admin_port, _folder(owner))
    write_atomically(own.clusters, envoy.clusters(left, time.time_ns()))


def end(gateway: RunningGateway, owner: Path) -> None:
    """Stop Envoy.

    Raises:
        FmnistError: it cannot be ended.
    """
    processes.stop([gateway.session], owner, _STOP_SECONDS)


def _wait_started(started: RunningGateway, generation: int, owner: Path) -> None:
    def is_settled() -> bool:
        return _generation(started) == generation or not processes.is_running(started.session, owner)

    processes.wait_until(is_settled, _START_SECONDS, "the gateway did not answer")
    if _generation(started) != generation:
        raise TimedOut("the gateway ended")


def _generation(gateway: RunningGateway) -> int | None:
    answer = loopback.get(gateway.port, envoy.GENERATION_PATH)
    with suppress(ValueError, KeyError, TypeError):
        if answer and answer.status == 200:
            return int(json.loads(answer.body)["generation"])
    return None


def _active(gateway: RunningGateway, backend: Backend) -> bool:
    return any(_statistic(gateway, name) not in (None, "0") for name in backend.active_statistics)


def _statistic(gateway: RunningGateway, name: str) -> str | None:
    answer = loopback.get(gateway.admin_port, f"/stats?filter={quote(f'^{name}$')}")
    if answer is None or answer.status != 200:
        return None
    key, _, value = answer.body.decode().partition(":")
    return value.strip().strip('"') if key == name else None


def _folder(owner: Path) -> Path:
    return owner / "gateway"
