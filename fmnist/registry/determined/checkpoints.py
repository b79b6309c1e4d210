"""Bundles in Determined's checkpoint storage."""

import hashlib
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from determined.common.api import bindings
from determined.common.api.errors import NotFoundException
from determined.common.storage import build

from fmnist.clients.determined import Session, errors_mapped
from fmnist.core.bundle import Bundle
from fmnist.errors import IntegrityError, UnavailableError
from fmnist.experiments import SINGLE
from fmnist.experiments.determined.checkpoint import (
    FOLDER,
    check_storage,
    checkpoint_metadata,
    storage_config,
)
from fmnist.files.yaml_files import yaml_text
from fmnist.registry.bundle_files import copy_bundle, open_stored


@contextmanager
def copied(bundle: Bundle) -> Iterator[Bundle]:
    """A copy of the bundle as it was when opened, in a folder ``bundle`` of its own.

    Raises:
        IntegrityError: it has changed since.
    """
    with tempfile.TemporaryDirectory(prefix="fmnist-") as folder:
        yield copy_bundle(bundle, Path(folder) / FOLDER)


class Checkpoints:
    """The checkpoints of a master's trials, and a place for bundles that no trial of it wrote.

    ``place`` is a folder or an s3:// or gs:// address; where the master cannot read it, downloads
    work only on machines that can.
    """

    def __init__(self, session: Session, place: str) -> None:
        self._session = session
        self._place = place

    def of_trial(self, bundle: Bundle) -> bindings.v1Checkpoint | None:
        """The checkpoint that this bundle came from, if one of this master's trials wrote it."""
        run = bundle.metadata.provenance.run
        if not run.isdecimal():
            return None
        with errors_mapped(self._session.master):
            try:
                found = bindings.get_GetTrialCheckpoints(
                    self._session, id=int(run), states=[bindings.checkpointv1State.COMPLETED]
                ).checkpoints
            except NotFoundException:
                return None
        return next((own for own in found if own.metadata.get("bundle_sha256") == bundle.sha256), None)

    def keep(self, bundle: Bundle) -> bindings.v1Checkpoint:
        """Store a copy, known to the master as the only checkpoint of an unmanaged experiment."""
        # One experiment for each bundle and place, because its configuration says where the bundle is,
        # and of two configurations the last one wins.
        place = hashlib.sha256(self._place.encode()).hexdigest()[:8]
        external = f"fmnist-bundle-{bundle.sha256}-{place}"
        with errors_mapped(self._session.master):
            request = bindings.v1CreateExperimentRequest(config=self._config(bundle), unmanaged=True)
            experiment = bindings.put_PutExperiment(
                self._session, body=request, externalExperimentId=external
            ).experiment
            parameters = dict(bundle.metadata.hyperparameters)
            asked = bindings.v1CreateTrialRequest(
                experimentId=experiment.id, hparams=parameters, unmanaged=True
            )
            trial = bindings.put_PutTrial(
                self._session,
                body=bindings.v1PutTrialRequest(createTrialRequest=asked, externalTrialId="bundle"),
            ).trial
            kept = bindings.get_GetTrialCheckpoints(self._session, id=trial.id).checkpoints
            if kept:
                self.heal(kept[0], bundle)
                return kept[0]
            return self._store(trial, bundle)

    def heal(self, checkpoint: bindings.v1Checkpoint, bundle: Bundle) -> None:
        """Put the bundle's files back where they were damaged, as far as the place is seen from here."""
        config = (checkpoint.training.experimentConfig or {}).get("checkpoint_storage") or {}
        if config.get("type") != "directory":
            return
        folder = Path(config["container_path"]) / checkpoint.uuid / FOLDER
        if not folder.parent.parent.is_dir():
            return
        try:
            open_stored(folder, bundle.sha256)
        except IntegrityError:
            copy_bundle(bundle, folder)

    def _config(self, bundle: Bundle) -> str:
        provenance = bundle.metadata.provenance
        data = provenance.train_data
        return yaml_text(
            {
                "name": provenance.experiment,
                "description": f"Bundle {bundle.sha256} as trained in run {provenance.run}",
                "labels": ["fashion-mnist", "registered"],
                "data": {"pachyderm": {"repo": data.repo, "commit": data.commit}},
                "searcher": dict(SINGLE),
                "checkpoint_storage": storage_config(self._place),
            }
        )

    def _store(self, trial: bindings.trialv1Trial, bundle: Bundle) -> bindings.v1Checkpoint:
        check_storage(self._place)
        started = bindings.post_StartTrial(
            self._session, body=bindings.v1StartTrialRequest(trialId=trial.id, resume=True), trialId=trial.id
        )
        place = bindings.post_RunPrepareForReporting(
            self._session,
            body=bindings.v1RunPrepareForReportingRequest(
                runId=trial.id, checkpointStorage=storage_config(self._place)
            ),
        )
        epochs, name = bundle.metadata.epochs, str(uuid.uuid4())
        self._report_validation(trial, started.trialRunId, bundle)
        files = _upload(self._place, name, bundle)
        assert trial.taskId
        checkpoint = bindings.v1Checkpoint(
            uuid=name,
            taskId=trial.taskId,
            metadata=checkpoint_metadata(bundle, epochs),
            resources=files,
            state=bindings.checkpointv1State.COMPLETED,
            storageId=place.storageId,
            training=bindings.v1CheckpointTrainingMetadata(),
        )
        bindings.post_ReportCheckpoint(self._session, body=checkpoint)
        done = bindings.v1PatchTrialRequest(trialId=trial.id, state=bindings.trialv1State.COMPLETED)
        bindings.patch_PatchTrial(self._session, body=done, trialId=trial.id)
        return bindings.get_GetCheckpoint(self._session, checkpointUuid=name).checkpoint

    def _report_validation(self, trial: bindings.trialv1Trial, run: int, bundle: Bundle) -> None:
        metadata = bundle.metadata
        figures = bindings.v1Metrics(avgMetrics={**metadata.metrics, "epochs": metadata.epochs})
        metrics = bindings.v1TrialMetrics(
            metrics=figures, trialId=trial.id, trialRunId=run, stepsCompleted=metadata.epochs
        )
        body = bindings.v1ReportTrialMetricsRequest(group="validation", metrics=metrics)
        bindings.post_ReportTrialMetrics(self._session, body=body, metrics_trialId=trial.id)


def _upload(place: str, name: str, bundle: Bundle) -> dict[str, str]:
    """Store the bundle as checkpoint ``name``; returns size by file, as the master wants them."""
    manager = build(storage_config(place), None)
    root = bundle.folder.parent
    try:
        files = manager._list_directory(root)
        manager.upload(root, name)
    except OSError as error:
        raise UnavailableError(f"{place}: cannot be written: {error}") from error
    return {path: str(size) for path, size in files.items()}
