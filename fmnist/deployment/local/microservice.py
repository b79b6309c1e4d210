"""One version's ``seldon-core-microservice``, run as the pod of ``deploy/deploy.yaml`` would run it."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from fmnist.core.bundle import Bundle
from fmnist.deployment.local import loopback, processes
from fmnist.deployment.local.state import Served
from fmnist.deployment.manifest import SeldonDeployment
from fmnist.errors import ConfigError, TimedOut, UnavailableError

READY_SECONDS = 30.0
_STOP_SECONDS = 0.5
_SERVER = "seldon-core-microservice"
_CLASS = "FashionClassifier"
# gunicorn's last word when the model does not load; Seldon's first process lives on without it.
_GAVE_UP = "Worker failed to boot"
_OWN_ERROR = "fmnist.errors."


def launch(manifest: SeldonDeployment, bundle: Bundle, version: int, *, project: Path, owner: Path) -> Served:
    """Start serving ``bundle`` on free ports, with no traffic; it is not ready yet.

    The wrapper class is that of ``project``/deploy, in ``project``/.venv-serve.

    Raises:
        ConfigError: that environment is missing.
        UnavailableError: it could not be started.
    """
    commands = project / ".venv-serve" / "bin"
    if not (commands / _SERVER).exists():
        raise ConfigError(f"{commands}: {_SERVER} is missing; run make setup")
    http, grpc, metrics = processes.free_ports(3)
    scratch = tempfile.mkdtemp(prefix=_scratch_prefix(owner))
    log = log_of(version, owner)
    try:
        session = processes.start(
            [str(commands / "python"), str(commands / _SERVER), _CLASS, "--service-type", "MODEL"],
            owner=owner,
            cwd=project / "deploy",
            log=log,
            variables={
                **manifest.environment({"bundle": str(bundle.folder), "version": str(version)}),
                "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": str(http),
                "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": str(grpc),
                "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": str(metrics),
                # Its sockets are here: a path below ``owner`` may be longer than theirs may be.
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


def log_of(version: int, owner: Path) -> Path:
    """Where the version's output goes, of all its starts."""
    return owner / "logs" / f"v{version}.log"


def wait_ready(served: Served, owner: Path, since: int, seconds: float = READY_SECONDS) -> None:
    """Return once the known picture gave its known answer, by REST, and gRPC listens.

    ``since`` is the log's size at the start.

    Raises:
        UnavailableError: it ended or gave up; the message ends with its last words.
        TimedOut: it did not get ready.
    """
    log = Path(served.log)

    def has_failed() -> bool:
        return _GAVE_UP in processes.tail(log, since) or not processes.is_running(served.session, owner)

    def is_settled() -> bool:
        return is_healthy(served) or has_failed()

    what = f"version {served.version}"
    with suppress(TimedOut):
        processes.wait_until(is_settled, seconds, what)
        if is_healthy(served):
            return
        raise UnavailableError(_last_words(f"{what} does not start", log, since))
    raise TimedOut(_last_words(f"{what} was not ready within {seconds:.0f} s", log, since))


def is_healthy(served: Served) -> bool:
    """True if this very bundle answers, its known picture with the known answer."""
    answer = loopback.get(served.http_port, "/health/status")
    if answer is None or answer.status != 200 or not processes.listens(served.grpc_port):
        return False
    with suppress(ValueError, KeyError, TypeError):
        tags = json.loads(answer.body)["meta"]["tags"]
        return bool(tags["bundle_sha256"] == served.bundle_sha256)
    return False


def end(served: Served, owner: Path) -> None:
    """Stop it, whatever is left of it; it should have no requests any more, because it gets little time.

    Raises:
        FmnistError: a process cannot be ended.
    """
    processes.stop([served.session], owner, _STOP_SECONDS)
    shutil.rmtree(served.scratch, ignore_errors=True)


def remove_scratch(owner: Path, keep: Collection[str] = ()) -> None:
    """Remove the folders for temporary files that microservices of ``owner`` left, but for ``keep``."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_scratch_prefix(owner)}*"):
        if str(folder) not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def _scratch_prefix(owner: Path) -> str:
    return f"fmnist-serving-{hashlib.sha256(str(owner.resolve()).encode()).hexdigest()[:12]}-"


def _last_words(what: str, log: Path, since: int) -> str:
    own = [line for line in processes.tail(log, since, lines=200).splitlines() if line.startswith(_OWN_ERROR)]
    if own:
        return f"{what}: {own[-1].partition(': ')[2]} (see {log})"
    return f"{what}; {log} ends with:\n{processes.tail(log, since)}"
