"""The training loop."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from fmnist.core.bundle import Bundle, Metadata, open_bundle
from fmnist.core.dataset import Dataset
from fmnist.errors import ConfigError
from fmnist.experiments import flat
from fmnist.files.atomic import remove_leftovers
from fmnist.tracking.base import Decision, EpochReport, Run
from fmnist.training.fingerprint import fingerprint
from fmnist.training.job import TrainingJob
from fmnist.training.progress import SilentTraining, TrainingProgress
from fmnist.training.reports import Reporter
from fmnist.training.resume import NullStates, StateFolder, TrainingState
from fmnist.training.split import split


def train(job: TrainingJob, dataset: Dataset, run: Run, progress: TrainingProgress | None = None) -> Bundle:
    """Train, report every epoch to ``run``, and leave the checkpoint bundle in ``job.folder``.

    Equal jobs on one machine give bit-identical weights, also when they were killed in between: a
    training resumes from ``job.state``. When ``run`` decides to stop, the bundle holds the network as it
    is then. After an error there is no bundle.

    Args:
        job: what to train.
        dataset: the images of ``job.train_data``; some are held out for validation, unless
            ``val_size`` is 0.
        run: started first, called after each epoch, and finished unless there was an error.
        progress: called after each step and each epoch.

    Raises:
        ConfigError: the hyperparameters do not fit the parent, or ``job.state`` is another job's.
        DataError: there are too few images to hold some out.
        Diverged: the loss or another metric is not finite.
        IntegrityError: the parent is damaged, or the ONNX file's predictions differ from Keras's.
        UnavailableError: an epoch's state cannot be stored.
    """
    progress = progress or SilentTraining()
    states = StateFolder(job.state, fingerprint(job)) if job.state else NullStates()
    hyperparameters, epochs = job.hyperparameters, job.hyperparameters.epochs
    parent = open_bundle(job.parent) if job.parent else None
    done = _epochs_done(job, parent.metadata if parent else None)
    training, validation = split(dataset, hyperparameters.val_size)

    from fmnist.training import backend
    from fmnist.training.checkpoint import provenance_of, write_bundle
    from fmnist.training.distributed import Collective
    from fmnist.training.epochs import Trainer

    backend.prepare(job.threads)
    collective = Collective(job.group)
    trainer = Trainer(hyperparameters, job.seed, len(training), epochs - done, collective)
    state = states.newest(progress.noted)
    if state:
        trainer.restore(state.weights, state.optimizer)
        remove_leftovers(job.folder)
        progress.noted(f"resuming after epoch {state.epoch} of {epochs}, where an earlier process ended")
    elif parent:
        trainer.load_weights(parent.keras)
    parent_run = parent.metadata.provenance.run if parent else None
    run.start({**_parameters(job), **provenance_of(job, run.id, parent_run).fields()})
    reporter = Reporter(epochs, validation)
    reports = state.reports if state else ()
    decision = collective.all_reduce(_replayed(reports, run, progress))
    while decision is Decision.CONTINUE and (epoch := done + len(reports) + 1) <= epochs:
        result = trainer.run_epoch(epoch, training, partial(progress.stepped, epoch, epochs))
        probabilities = trainer.predict(validation.images)
        report = reporter.report(epoch, result, probabilities)
        reports = (*reports, report)
        # Before the run: killed in between, the training reports this epoch when it resumes.
        states.save(TrainingState(*trainer.variables(), reports))
        decision = collective.all_reduce(run.report(report))
        progress.reported(report)
    bundle = write_bundle(
        trainer.model,
        job,
        provenance=provenance_of(job, run.id, parent_run),
        epochs=reports[-1].epoch,
        metrics=reports[-1].validation,
        training=training,
        validation=validation,
    )
    run.finish(bundle.folder)
    # A process that ends before the others counts as crashed.
    collective.all_reduce(decision)
    return bundle


def _replayed(reports: Sequence[EpochReport], run: Run, progress: TrainingProgress) -> Decision:
    """Report the epochs of an earlier process again; the run may not have received the last one."""
    decision = Decision.CONTINUE
    for report in reports:
        decision = run.report(report)
        progress.reported(report)
    return decision


def _epochs_done(job: TrainingJob, parent: Metadata | None) -> int:
    if parent is None:
        return 0
    wanted = job.hyperparameters.epochs
    if wanted <= parent.epochs:
        raise ConfigError(
            f"hyperparameters.epochs is {wanted}, but {job.parent} has seen {parent.epochs} already; "
            "epochs includes those of the checkpoint: set a larger number"
        )
    return parent.epochs


def _parameters(job: TrainingJob) -> dict[str, Any]:
    return {
        **flat(job.hyperparameters.model_dump()),
        "seed": job.seed,
        "threads": job.threads,
        "parent": str(job.parent) if job.parent else None,
    }
