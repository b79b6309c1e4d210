"""The platform on one machine: a microservice for each version behind one Envoy.

Both are configured from ``deploy/deploy.yaml``. What runs is remembered in the serving folder, where
one command at a time may change it; the logs are there too.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from fmnist.core.bundle import Bundle
from fmnist.deployment.base import Deployment, Server
from fmnist.deployment.local import gateway, microservice, overview, processes
from fmnist.deployment.local.envoy import Address, Backend
from fmnist.deployment.local.state import (
    RunningGateway,
    Served,
    State,
    forget_state,
    load_state,
    save_state,
)
from fmnist.deployment.manifest import load_manifest
from fmnist.errors import InputError, NotFoundError, UnavailableError
from fmnist.files.lock import only_writer
from fmnist.settings import PROJECT, Settings

_LOCK_SECONDS = 90.0
_SWEEP_SECONDS = 5.0


class LocalPlatform:
    """See ``Platform``. A bundle's folder must stay where it is for as long as its version runs."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.serving
        self._gateway = settings.gateway
        self._port = settings.gateway_port
        self._manifest = load_manifest(PROJECT / "deploy" / "deploy.yaml")
        names = self._manifest.metadata
        self._address = Address(names.namespace, names.name, self._manifest.timeout_seconds)

    @property
    def url(self) -> str:
        return self._gateway + self._address.path

    def apply(self, version: int, bundle: Bundle) -> Deployment:
        """Start a version; one that died, or of which there is another bundle, is replaced.

        Raises:
            UnavailableError: the gateway's port is taken, or the version does not start.
            TimedOut: it does not get ready.
        """
        with self._only_writer():
            state, running = self._with_gateway(load_state(self._folder))
            try:
                self._with_version(state, running, version, bundle)
            except BaseException:
                if not state.served:
                    gateway.end(running, self._folder)
                    forget_state(self._folder)
                raise
        return next(one for one in self.deployments() if one.version == version)

    def set_weights(self, weights: Mapping[int, int]) -> None:
        """Split the traffic; versions that are not named get none.

        Raises:
            InputError: the weights are not percents that sum to 100.
            NotFoundError: a version does not run.
            UnavailableError: a version that would take traffic does not answer, or there is no gateway.
            TimedOut: the gateway does not follow.
        """
        if sum(weights.values()) != 100 or min(weights.values()) < 0:
            raise InputError(f"weights {dict(weights)}: expected percents that sum to 100")
        with self._only_writer():
            state = load_state(self._folder)
            for number, weight in weights.items():
                self._check(state, number, weight)
            self._follow(self._gateway_of(state), state, state.with_weights(weights))

    def deployments(self) -> list[Deployment]:
        """What was applied; a version is not ready if it, or the gateway, died since."""
        state = load_state(self._folder)
        if state.gateway is None:
            return []
        routed = gateway.is_running(state.gateway, self._folder)
        found = [
            Deployment(
                model=self._address.name,
                version=one.version,
                weight=one.weight,
                ready=routed and microservice.is_healthy(one),
                url=state.gateway.url,
            )
            for one in state.served
        ]
        return sorted(found, key=lambda one: (-one.weight, -one.version))

    def remove(self, version: int) -> None:
        """Stop a version, after its last answer.

        Raises:
            NotFoundError: it does not run.
            InputError: it has traffic.
        """
        with self._only_writer():
            state = load_state(self._folder)
            served = _found(state, version)
            if served.weight:
                raise InputError(f"version {version} takes {served.weight} % of the traffic; move that first")
            after = state.without_version(version)
            self._retire(self._gateway_of(state), served, after)
            self._saved(after)

    def servers(self) -> Sequence[Server]:
        return overview.servers(self._folder)

    def stop(self) -> int:
        return len(overview.stop_all(self._folder))

    def _with_gateway(self, state: State) -> tuple[State, RunningGateway]:
        """Start the gateway unless it runs; servers that nobody remembers are stopped first."""
        running = state.gateway if self._routes(state.gateway) else None
        known = {one.session for one in state.served} | ({running.session} if running else set())
        processes.stop(set(processes.sessions(self._folder)) - known, self._folder, _SWEEP_SECONDS)
        microservice.remove_scratch(self._folder, keep=[one.scratch for one in state.served])
        if running is None:
            running = gateway.start(self._address, _backends(state), self._port, self._folder)
        return self._saved(replace(state, gateway=running)), running

    def _with_version(self, state: State, running: RunningGateway, version: int, bundle: Bundle) -> None:
        old = state.version(version)
        if old and old.bundle_sha256 == bundle.sha256 and microservice.is_healthy(old):
            return
        served = replace(self._started(version, bundle), weight=old.weight if old else 0)
        after = state.with_version(served)
        try:
            self._follow(running, state, after)
        except BaseException:
            microservice.end(served, self._folder)
            raise
        if old:
            self._retire(running, old, after)

    def _started(self, version: int, bundle: Bundle) -> Served:
        log = microservice.log_of(version, self._folder)
        since = processes.size_of(log)
        served = microservice.launch(self._manifest, bundle, version, project=PROJECT, owner=self._folder)
        try:
            microservice.wait_ready(served, self._folder, since)
        except BaseException:
            microservice.end(served, self._folder)
            raise
        return served

    def _follow(self, running: RunningGateway, before: State, after: State) -> None:
        gateway.follow(running, self._address, _backends(before), _backends(after), self._folder)
        self._saved(after)

    def _retire(self, running: RunningGateway, served: Served, after: State) -> None:
        seconds = self._manifest.predictor.grace_seconds
        gateway.forget(running, _backend(served), _backends(after), seconds, self._folder)
        microservice.end(served, self._folder)

    def _routes(self, running: RunningGateway | None) -> bool:
        if running is None or (running.port, running.path) != (self._port, self._address.path):
            return False
        return gateway.is_running(running, self._folder)

    def _gateway_of(self, state: State) -> RunningGateway:
        if state.gateway is None or not gateway.is_running(state.gateway, self._folder):
            raise UnavailableError("the gateway does not run; deploy a version again, which starts it")
        return state.gateway

    def _check(self, state: State, version: int, weight: int) -> None:
        served = _found(state, version)
        if weight and not microservice.is_healthy(served):
            raise UnavailableError(f"version {version} does not answer (see {served.log}); deploy it again")

    def _saved(self, state: State) -> State:
        save_state(self._folder, state)
        return state

    def _only_writer(self) -> AbstractContextManager[None]:
        return only_writer(self._folder / "lock", _LOCK_SECONDS, "serving")


def _found(state: State, version: int) -> Served:
    served = state.version(version)
    if served is None:
        running = ", ".join(str(one.version) for one in state.served) or "none"
        raise NotFoundError(f"version {version} does not run here; versions that do: {running}")
    return served


def _backends(state: State) -> Sequence[Backend]:
    return [_backend(one) for one in state.served]


def _backend(served: Served) -> Backend:
    return Backend(served.version, served.http_port, served.grpc_port, served.weight)
