"""One version's ``seldon-core-microservice``, run as the pod of ``deploy/deploy.yaml`` would run it."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from fmnist.core.bundle import Bundle
from fmnist.deployment.local import loopback
from fmnist.deployment.local.processes import Sessions, size_of, tail, wait_until
from fmnist.deployment.local.state import Served
from fmnist.deployment.manifest import SeldonDeployment
from fmnist.errors import ConfigError, TimedOut, UnavailableError
from fmnist.files.atomic import disk_errors

_READY_SECONDS = 30.0
_STOP_SECONDS = 0.5
_SERVER = "seldon-core-microservice"
_CLASS = "FashionClassifier"
# gunicorn's last line when the model does not load; Seldon's first process lives on without it.
_GAVE_UP = "Worker failed to boot"
_OWN_ERROR = "fmnist.errors."
# What Python's multiprocessing appends to TMPDIR for a socket, whose path may have 103 bytes on macOS.
_LONGEST_TEMPORARY = 103 - len("/fmnist-serving-123456789012-12345678/pymp-12345678/listener-12345678")


def start(
    manifest: SeldonDeployment, bundle: Bundle, version: int, *, project: Path, sessions: Sessions
) -> Served:
    """Serve ``bundle`` on free ports, with no traffic; it is ready when this returns.

    The wrapper class is that of ``project``/deploy, in ``project``/.venv-serve.

    Raises:
        ConfigError: that environment is missing.
        UnavailableError: it does not start; the message ends with its log.
        TimedOut: it does not get ready.
    """
    log = sessions.folder / "logs" / f"v{version}.log"
    since = size_of(log)
    served = _launch(manifest, bundle, version, log, project, sessions)
    try:
        _wait_ready(served, sessions, since)
    except BaseException:
        stop(served, sessions)
        raise
    return served


def _launch(
    manifest: SeldonDeployment, bundle: Bundle, version: int, log: Path, project: Path, sessions: Sessions
) -> Served:
    commands = project / ".venv-serve" / "bin"
    if not (commands / _SERVER).exists():
        raise ConfigError(f"{commands}: {_SERVER} is missing; run make setup")
    http, grpc, metrics = loopback.free_ports(3)
    with disk_errors():
        scratch = tempfile.mkdtemp(prefix=_scratch_prefix(sessions.folder), dir=_temporary())
    try:
        session = sessions.start(
            [str(commands / "python"), str(commands / _SERVER), _CLASS, "--service-type", "MODEL"],
            cwd=project / "deploy",
            log=log,
            variables={
                **manifest.environment({"bundle": str(bundle.folder), "version": str(version)}),
                "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": str(http),
                "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": str(grpc),
                "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": str(metrics),
                "FMNIST_LISTEN_HOST": loopback.HOST,
                # Its sockets are there: a path below the serving folder may be longer than theirs may be.
                "TMPDIR": scratch,
            },
        )
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return Served(
        version=version,
        bundle=str(bundle.folder),
        bundle_sha256=bundle.sha256,
        session=session,
        http_port=http,
        grpc_port=grpc,
        metrics_port=metrics,
        scratch=scratch,
        log=str(log),
        weight=0,
    )


def _wait_ready(served: Served, sessions: Sessions, since: int) -> None:
    """Return once the self-test passed, by REST, and gRPC listens; ``since`` is the log's size before."""
    log, what = Path(served.log), f"version {served.version}"

    def has_failed() -> bool:
        return _GAVE_UP in tail(log, since) or not sessions.is_running(served.session)

    with suppress(TimedOut):
        wait_until(lambda: is_healthy(served) or has_failed(), _READY_SECONDS, what)
        if is_healthy(served):
            return
        raise UnavailableError(_explain(f"{what} does not start", log, since))
    raise TimedOut(_explain(f"{what} was not ready within {_READY_SECONDS:.0f} s", log, since))


def is_healthy(served: Served) -> bool:
    """Whether this very bundle answers and passes its self-test."""
    body = loopback.get(served.http_port, "/health/status")
    if body is None or not loopback.accepts(served.grpc_port):
        return False
    with suppress(ValueError, KeyError, TypeError):
        return bool(json.loads(body)["meta"]["tags"]["bundle_sha256"] == served.bundle_sha256)
    return False


def stop(served: Served, sessions: Sessions) -> None:
    """Stop all of its processes, soon: it should have been drained before.

    Raises:
        FmnistError: a process does not end.
    """
    sessions.stop([served.session], _STOP_SECONDS)
    shutil.rmtree(served.scratch, ignore_errors=True)


def remove_scratch(folder: Path, keep: Collection[str] = ()) -> None:
    """Remove the temporary folders left by microservices of a serving ``folder``, but for ``keep``."""
    for scratch in _temporary().glob(f"{_scratch_prefix(folder)}*"):
        if str(scratch) not in keep:
            shutil.rmtree(scratch, ignore_errors=True)


def _temporary() -> Path:
    """This machine's folder for temporary files, or /tmp where sockets in that one got too long a path."""
    folder = tempfile.gettempdir()
    return Path(folder if len(os.fsencode(folder)) <= _LONGEST_TEMPORARY else "/tmp")  # noqa: S108


def _scratch_prefix(folder: Path) -> str:
    return f"fmnist-serving-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}-"


def _explain(what: str, log: Path, since: int) -> str:
    """``what``, followed by the service's last error of ours if there is one, else by the log's end."""
    errors = [line for line in tail(log, since, lines=200).splitlines() if line.startswith(_OWN_ERROR)]
    if errors:
        return f"{what}: {errors[-1].partition(': ')[2]} (see {log})"
    return f"{what}; {log} ends with:\n{tail(log, since)}"
