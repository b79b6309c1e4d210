"""MLflow as tracker of trainings: SQLite in the home folder, or Postgres by address.

What a run reports also goes to TensorBoard's event files beside.
"""

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from fmnist.errors import UnavailableError
from fmnist.settings import Settings
from fmnist.training.base import Decision, EpochReport
from fmnist.training.names import folder_name
from fmnist.training.tensorboard import EventFile

if TYPE_CHECKING:
    from mlflow import MlflowClient

_CONNECT_SECONDS = 10
_TAGS = ("data_commit", "dataset", "git_commit")
"""What ``start`` is told that says where a run comes from; the rest are MLflow's parameters."""


def open_client(settings: Settings) -> "MlflowClient":
    """A client whose database exists and is of MLflow's present schema.

    Under a lock, because processes that open a fresh database at the same time break each
    other's migrations ("duplicate column name").
    """
    # Read when mlflow is imported: it would send usage figures out, and tell of each table it makes.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient

    settings.home.mkdir(parents=True, exist_ok=True)
    with Path(settings.home / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        address = settings.tracking_uri
        _check_reachable(address)
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        client.search_experiments(max_results=1)
    return client


def _check_reachable(address: str) -> None:
    """A database server that is not there is told at once; MLflow would try for 100 seconds."""
    if not address.startswith("postgresql"):
        return
    import sqlalchemy

    engine = sqlalchemy.create_engine(address, connect_args={"connect_timeout": _CONNECT_SECONDS})
    try:
        engine.connect().close()
    finally:
        engine.dispose()


class MlflowRun:
    """A ``Run`` in MLflow and TensorBoard; as a context manager, one that raises ends as FAILED."""

    def __init__(self, client: "MlflowClient", run_id: str, events: EventFile, address: str) -> None:
        self._client = client
        self._id = run_id
        self._events = events
        self._address = address
        self._finished = False

    @classmethod
    def open(cls, settings: Settings, experiment: str, name: str | None = None) -> Self:
        """A new run of an experiment, which is made when missing; MLflow thinks of a name if not given.

        Raises:
            UnavailableError: MLflow's database cannot be used.
        """
        address = re.sub(r"://([^:/@]*):[^@]*@", r"://\1:***@", settings.tracking_uri)
        with _errors_mapped(address):
            client = open_client(settings)
            info = client.create_run(_experiment_id(client, settings, experiment), run_name=name).info
        folder = (
            settings.tensorboard / folder_name(experiment) / folder_name(f"{info.run_name}-{info.run_id[:8]}")
        )
        return cls(client, info.run_id, EventFile(folder), address)

    @property
    def id(self) -> str:
        return self._id

    def start(self, parameters: Mapping[str, Any]) -> None:
        from mlflow.entities import Param, RunTag

        known = {name: value for name, value in parameters.items() if value is not None}
        with _errors_mapped(self._address):
            self._client.log_batch(
                self._id,
                params=[Param(name, str(value)) for name, value in known.items() if name not in _TAGS],
                tags=[RunTag(name, str(value)) for name, value in known.items() if name in _TAGS],
            )

    def report(self, report: EpochReport) -> Decision:
        from mlflow.entities import Metric

        scalars = {f"training/{name}": value for name, value in report.training.items()}
        scalars |= {f"validation/{name}": value for name, value in report.validation.items()}
        now = int(time.time() * 1000)
        with _errors_mapped(self._address):
            self._client.log_batch(
                self._id, metrics=[Metric(name, value, now, report.epoch) for name, value in scalars.items()]
            )
            self._keep_pictures(report)
        self._events.add(report.epoch, scalars, report.pictures)
        return Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        with _errors_mapped(self._address):
            self._client.set_tag(self._id, "checkpoint", str(bundle))
            self._client.set_terminated(self._id, "FINISHED")
        self._events.close()
        self._finished = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._finished:
            return
        self._events.close()
        with _errors_mapped(self._address):
            if error:
                self._client.set_tag(self._id, "error", str(error) or type(error).__name__)
            self._client.set_terminated(self._id, "FAILED")

    def _keep_pictures(self, report: EpochReport) -> None:
        with tempfile.TemporaryDirectory(prefix="fmnist-") as folder:
            for name, png in report.pictures.items():
                path = Path(folder) / f"epoch-{report.epoch:03}.png"
                path.write_bytes(png)
                self._client.log_artifact(self._id, str(path), name)


def _experiment_id(client: "MlflowClient", settings: Settings, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        # Without a place of its own, MLflow would make a folder wherever the command was run.
        place = settings.artifacts / "runs" / folder_name(name)
        try:
            made: str = client.create_experiment(name, artifact_location=place.as_uri())
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
            assert found is not None
        else:
            return made
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    experiment_id: str = found.experiment_id
    return experiment_id


@contextmanager
def _errors_mapped(address: str) -> Iterator[None]:
    """MLflow's and its database's errors as ours, told by module: MLflow may not be imported yet."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("mlflow", "sqlalchemy"):
            raise
        reason = str(error).splitlines()[0]
        raise UnavailableError(f"MLflow at {address}: {reason}; is it reachable and writable?") from error
