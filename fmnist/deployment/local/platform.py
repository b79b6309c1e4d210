"""The platform on one machine: a microservice for each version behind one Envoy.

Both are configured from ``deploy/deploy.yaml``. What runs is recorded in the serving folder, where
one command at a time may change it; the logs are there too.
"""

import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from fmnist.core.bundle import Bundle
from fmnist.deployment.base import Deployment, Server
from fmnist.deployment.local import gateway, loopback, microservice
from fmnist.deployment.local.envoy import Address, Backend
from fmnist.deployment.local.processes import Sessions, memory
from fmnist.deployment.local.state import (
    RunningGateway,
    Served,
    ServingState,
    forget_state,
    load_state,
    save_state,
)
from fmnist.deployment.manifest import SeldonDeployment, load_manifest
from fmnist.errors import InputError, NotFoundError, UnavailableError
from fmnist.files.lock import only_writer

_LOCK_SECONDS = 90.0
_STOP_SECONDS = 5.0


class LocalPlatform:
    """See ``Platform``. A bundle's folder must stay where it is for as long as its version runs.

    Args:
        folder: serving folder: the record of what runs, the gateway's files, logs.
        port: the gateway's on 127.0.0.1.
        project: checkout with ``deploy/`` and ``.venv-serve``.
    """

    def __init__(self, folder: Path, port: int, project: Path) -> None:
        self._folder = folder
        self._port = port
        self._project = project
        self._sessions = Sessions(folder)

    @cached_property
    def _manifest(self) -> SeldonDeployment:
        # Not read before it is needed: ``stop`` works with a broken one.
        return load_manifest(self._project / "deploy" / "deploy.yaml")

    @property
    def _address(self) -> Address:
        names = self._manifest.metadata
        return Address(names.namespace, names.name, self._manifest.timeout_seconds)

    @property
    def url(self) -> str:
        return f"http://{loopback.HOST}:{self._port}{self._address.path}"

    @property
    def place(self) -> str:
        return f"{socket.gethostname()}:{self._folder.resolve()}"

    def apply(self, version: int, bundle: Bundle) -> Deployment:
        """Start a version; one that died, or of which there is another bundle, is replaced.

        Raises:
            UnavailableError: the gateway's port is taken, or the version does not start.
            TimedOut: it does not get ready.
        """
        with self._lock():
            state, running = self._ensure_gateway(load_state(self._folder))
            try:
                self._ensure_version(state, running, version, bundle)
            except BaseException:
                self._save(state)
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
        if weights and (sum(weights.values()) != 100 or min(weights.values()) < 0):
            raise InputError(f"weights {dict(weights)}: expected percents that sum to 100")
        with self._lock():
            state = load_state(self._folder)
            for version, weight in weights.items():
                served = _find(state, version)
                if weight and not microservice.is_healthy(served):
                    raise UnavailableError(
                        f"version {version} does not answer (see {served.log}); deploy it again"
                    )
            after = state.with_weights(weights)
            if running := self._running(state):
                self._route(running, state, after)
            elif weights:
                raise UnavailableError("the gateway does not run; deploy a version again, which starts it")
            else:
                save_state(self._folder, after)

    def deployments(self) -> list[Deployment]:
        """The applied versions; one is not ready if it, or the gateway, died since."""
        state = load_state(self._folder)
        if state.gateway is None:
            return []
        routed = gateway.is_running(state.gateway, self._sessions)
        deployments = [
            Deployment(
                model=self._address.name,
                version=served.version,
                bundle_sha256=served.bundle_sha256,
                weight=served.weight,
                ready=routed and microservice.is_healthy(served),
                url=state.gateway.url,
            )
            for served in state.served
        ]
        return sorted(deployments, key=lambda one: (-one.weight, -one.version))

    def remove(self, version: int) -> None:
        """Stop a version, after its last prediction, and with the last one the gateway.

        Raises:
            NotFoundError: it does not run.
            InputError: it has traffic.
        """
        with self._lock():
            state = load_state(self._folder)
            served = _find(state, version)
            if served.weight:
                raise InputError(f"version {version} takes {served.weight} % of the traffic; move that first")
            after = state.without_version(version)
            if running := self._running(state):
                self._retire(running, served, after)
            else:
                microservice.stop(served, self._sessions)
            self._save(after)

    def servers(self) -> Sequence[Server]:
        """The gateway and the versions that should run, and what else runs from this serving folder."""
        state = load_state(self._folder)
        names = {served.session: (f"version {served.version}", served.log) for served in state.served}
        if state.gateway:
            names = {state.gateway.session: ("gateway", state.gateway.log), **names}
        for session in self._sessions.running():
            names.setdefault(session, ("forgotten", ""))
        servers = []
        for session, (name, log) in names.items():
            members = self._sessions.members(session)
            servers.append(Server(name, tuple(process.pid for process in members), memory(members), log))
        return servers

    def stop(self) -> int:
        """Stop every server of this serving folder, recorded or not.

        Raises:
            FmnistError: a process does not end.
        """
        if not self._folder.exists():
            return 0
        with self._lock():
            sessions = self._sessions.running()
            self._sessions.stop(sessions, _STOP_SECONDS)
            microservice.remove_scratch(self._folder)
            forget_state(self._folder)
        return len(sessions)

    def _ensure_gateway(self, state: ServingState) -> tuple[ServingState, RunningGateway]:
        """Start the gateway unless it runs; servers that are not recorded are stopped first."""
        running = state.gateway if self._serves_here(state.gateway) else None
        known = {served.session for served in state.served} | ({running.session} if running else set())
        self._sessions.stop(set(self._sessions.running()) - known, _STOP_SECONDS)
        microservice.remove_scratch(self._folder, keep=[served.scratch for served in state.served])
        if running is None:
            running = gateway.start(self._address, _backends(state), self._port, self._sessions)
        state = replace(state, gateway=running)
        save_state(self._folder, state)
        return state, running

    def _ensure_version(
        self, state: ServingState, running: RunningGateway, version: int, bundle: Bundle
    ) -> None:
        old = state.version(version)
        if old and old.bundle_sha256 == bundle.sha256 and microservice.is_healthy(old):
            return
        started = microservice.start(
            self._manifest, bundle, version, project=self._project, sessions=self._sessions
        )
        served = replace(started, weight=old.weight if old else 0)
        after = state.with_version(served)
        try:
            self._route(running, state, after)
        except BaseException:
            microservice.stop(served, self._sessions)
            raise
        if old:
            self._retire(running, old, after)

    def _route(self, running: RunningGateway, before: ServingState, after: ServingState) -> None:
        gateway.route(running, self._address, _backends(before), _backends(after), self._sessions)
        save_state(self._folder, after)

    def _retire(self, running: RunningGateway, served: Served, after: ServingState) -> None:
        seconds = self._manifest.predictor.grace_seconds
        gateway.drain(running, _backend(served), _backends(after), seconds, self._sessions)
        microservice.stop(served, self._sessions)

    def _running(self, state: ServingState) -> RunningGateway | None:
        """The recorded gateway, if it runs."""
        recorded = state.gateway
        return recorded if recorded and gateway.is_running(recorded, self._sessions) else None

    def _serves_here(self, running: RunningGateway | None) -> bool:
        """Whether that gateway runs, as it would be started now."""
        if running is None or (running.port, running.path) != (self._port, self._address.path):
            return False
        return gateway.is_current(running, self._sessions) and gateway.is_running(running, self._sessions)

    def _save(self, state: ServingState) -> None:
        """Save the state; without versions, stop the gateway and forget it."""
        if state.served:
            save_state(self._folder, state)
            return
        if state.gateway:
            gateway.stop(state.gateway, self._sessions)
        forget_state(self._folder)

    def _lock(self) -> AbstractContextManager[None]:
        return only_writer(self._folder / "lock", _LOCK_SECONDS, "serving")


def _find(state: ServingState, version: int) -> Served:
    served = state.version(version)
    if served is None:
        running = ", ".join(str(one.version) for one in state.served) or "none"
        raise NotFoundError(f"version {version} does not run here; versions that do: {running}")
    return served


def _backends(state: ServingState) -> Sequence[Backend]:
    return [_backend(served) for served in state.served]


def _backend(served: Served) -> Backend:
    return Backend(served.version, served.http_port, served.grpc_port, served.weight)
