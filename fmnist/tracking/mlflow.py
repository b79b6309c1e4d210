"""MLflow as tracker of trainings: SQLite in the home folder, or Postgres by address.

A run's reports are also written to TensorBoard's event files.
"""

import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import psutil

from fmnist.clients.mlflow import errors_mapped, open_client
from fmnist.core.names import folder_name
from fmnist.core.provenance import PROVENANCE_FIELDS
from fmnist.settings import Settings
from fmnist.tracking.base import Decision, EpochReport
from fmnist.tracking.tensorboard import EventFile

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import RunInfo

_EVERY_EPOCH = "training/loss"
_ERROR = "error"
_JOB = "job"
_PROCESS = "process"


class MlflowRun:
    """A ``Run`` in MLflow and TensorBoard; as a context manager, one that raises ends as FAILED."""

    def __init__(
        self, client: "MlflowClient", run_id: str, events: EventFile, address: str, epochs: int = 0
    ) -> None:
        """``epochs``: number of epochs that the run has recorded already."""
        self._client = client
        self._id = run_id
        self._events = events
        self._address = address
        self._epochs = epochs
        self._finished = False

    @classmethod
    def open(
        cls, settings: Settings, experiment: str, name: str | None = None, job: str | None = None
    ) -> Self:
        """Open the run of ``job`` again, or create one; MLflow generates a name if none is given.

        A missing experiment is created. Runs whose process was killed are marked as killed, unless
        they are resumed.

        Raises:
            UnavailableError: MLflow's database cannot be used.
        """
        address = settings.tracking_uri
        with errors_mapped(address):
            client = open_client(settings)
            experiment_id = _experiment_id(client, settings, experiment)
            _mark_killed(client, experiment_id)
            found = _found(client, experiment_id, job) if job else None
            if found:
                epochs = _resume(client, found)
            info = found or client.create_run(experiment_id, run_name=name, tags=_tags(job)).info
        folder = (
            settings.tensorboard / folder_name(experiment) / folder_name(f"{info.run_name}-{info.run_id[:8]}")
        )
        if found:
            return cls(client, info.run_id, EventFile(folder, purged_from=epochs + 1), address, epochs)
        return cls(client, info.run_id, EventFile(folder), address)

    @property
    def id(self) -> str:
        return self._id

    def start(self, parameters: Mapping[str, Any]) -> None:
        from mlflow.entities import Param, RunTag

        known = {name: value for name, value in parameters.items() if value is not None}
        with errors_mapped(self._address):
            self._client.log_batch(
                self._id,
                params=[
                    Param(name, str(value)) for name, value in known.items() if name not in PROVENANCE_FIELDS
                ],
                tags=[RunTag(name, str(value)) for name, value in known.items() if name in PROVENANCE_FIELDS],
            )

    def report(self, report: EpochReport) -> Decision:
        from mlflow.entities import Metric

        if report.epoch <= self._epochs:
            return Decision.CONTINUE
        scalars = report.scalars()
        now = int(time.time() * 1000)
        with errors_mapped(self._address):
            self._keep_pictures(report)
            self._events.add(report.epoch, scalars, report.pictures)
            # Last, because a resumed run takes the epochs whose metrics it holds as recorded.
            self._client.log_batch(
                self._id, metrics=[Metric(name, value, now, report.epoch) for name, value in scalars.items()]
            )
        self._epochs = report.epoch
        return Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        with errors_mapped(self._address):
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
        with errors_mapped(self._address):
            if error:
                self._client.set_tag(self._id, _ERROR, str(error) or type(error).__name__)
            interrupted = error is not None and not isinstance(error, Exception)
            self._client.set_terminated(self._id, "KILLED" if interrupted else "FAILED")

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
        # Without a location, MLflow would create a folder in the current directory.
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


def _tags(job: str | None) -> dict[str, str]:
    return {_PROCESS: _this_process()} | ({_JOB: job} if job else {})


def _found(client: "MlflowClient", experiment_id: str, job: str) -> "RunInfo | None":
    runs = client.search_runs([experiment_id], f"tags.`{_JOB}` = '{job}'", max_results=1)
    return runs[0].info if runs else None


def _resume(client: "MlflowClient", found: "RunInfo") -> int:
    """Mark a run as running again; returns the last epoch that it has recorded."""
    run_id = found.run_id
    client.update_run(run_id, "RUNNING")
    client.set_tag(run_id, _PROCESS, _this_process())
    if _ERROR in client.get_run(run_id).data.tags:
        client.delete_tag(run_id, _ERROR)
    return max((metric.step for metric in client.get_metric_history(run_id, _EVERY_EPOCH)), default=0)


def _mark_killed(client: "MlflowClient", experiment_id: str) -> None:
    """Mark the runs that a killed process of this machine left as running."""
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
        host, _, process = run.data.tags.get(_PROCESS, "").partition(" ")
        if host == socket.gethostname() and not _alive(process):
            client.set_terminated(run.info.run_id, "KILLED")


def _this_process() -> str:
    own = psutil.Process()
    return f"{socket.gethostname()} {own.pid} {own.create_time():.2f}"


def _alive(process: str) -> bool:
    """Whether ``pid created`` still runs; the kernel reuses process ids."""
    number, _, created = process.partition(" ")
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" == created
    except (psutil.Error, ValueError):
        return False
