"""Writing a trained network as a checkpoint bundle."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fmnist.core.bundle import (
    KERAS_FILE,
    ONNX_FILE,
    Bundle,
    KnownAnswer,
    Metadata,
    open_bundle,
    write_metadata,
)
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES, MODEL_NAME
from fmnist.core.provenance import Provenance
from fmnist.core.reference_statistics import reference_statistics
from fmnist.files.atomic import folder_written_atomically, sha256_of
from fmnist.training.export import export
from fmnist.training.fingerprint import package_versions, uses_onednn
from fmnist.training.job import TrainingJob

_COMPARED = 1000


def write_bundle(
    model: Any,
    job: TrainingJob,
    *,
    provenance: Provenance,
    epochs: int,
    metrics: Mapping[str, float],
    training: Dataset,
    validation: Dataset,
) -> Bundle:
    """Make ``job.folder`` the bundle of ``model`` after ``epochs`` epochs in all; whole or not at all.

    Raises:
        IntegrityError: the ONNX file does not answer as Keras does on (at most) 1,000 validation
            images, or training images where none are held out.
    """
    with folder_written_atomically(job.folder) as folder:
        model.save(folder / KERAS_FILE)
        images = (validation if len(validation) else training).images[:_COMPARED]
        answers = export(model, folder / ONNX_FILE, images)
        known = KnownAnswer(base64.b64encode(images[0].tobytes()).decode(), tuple(answers[0].tolist()))
        write_metadata(
            folder,
            Metadata(
                model=MODEL_NAME,
                network=job.hyperparameters.network,
                classes=CLASSES,
                input="uint8 [n, 28, 28], 0-255",
                preprocessing="none: scaling is in the graph",
                epochs=epochs,
                hyperparameters=job.hyperparameters.model_dump(mode="json"),
                metrics=dict(metrics),
                provenance=provenance,
                known_answer=known,
                reference=reference_statistics(training),
                versions=package_versions(),
                files={name: sha256_of(folder / name) for name in (KERAS_FILE, ONNX_FILE)},
            ),
        )
    return open_bundle(job.folder)


def provenance_of(job: TrainingJob, run: str, parent_run: str | None) -> Provenance:
    """Provenance of the checkpoint that ``job`` writes now."""
    return Provenance(
        experiment=job.experiment,
        run=run,
        parent_run=parent_run,
        git_commit=job.git_commit,
        train_data=job.train_data,
        seed=job.seed,
        threads=job.threads,
        onednn=uses_onednn(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
