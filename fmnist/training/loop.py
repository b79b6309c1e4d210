"""The one training loop."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from fmnist.core.bundle import Bundle, Metadata, open_bundle
from fmnist.core.dataset import Dataset
from fmnist.errors import ConfigError
from fmnist.experiments import flat
from fmnist.files.atomic import remove_leftovers
from fmnist.tracking.base import Decision, EpochReport, Run
from fmnist.training.fingerprint import identity
from fmnist.training.job import TrainingJob
from fmnist.training.progress import Progress, Silent
from fmnist.training.reports import Reporter
from fmnist.training.resume import Forgetful, State, StateFolder
from fmnist.training.split import split


def train(job: TrainingJob, dataset: Dataset, run: Run, progress: Progress | None = None) -> Bundle:
    """Train, report every epoch to ``run``, and leave the checkpoint bundle in ``job.folder``.

    Equal jobs on one machine give bit-identical weights, also when they were killed on the way:
    what ``job.state`` keeps is gone on from. When ``run`` says stop, the bundle holds what was
    learnt so far. After an error there is no bundle.

    Args:
        job: what to train.
        dataset: the images of ``job.train_data``; a part is held out for validation, unless
            ``val_size`` is 0.
        run: is started, told each epoch, and finished if there was no error.
        progress: is told each step.

    Raises:
        ConfigError: the hyperparameters do not fit the parent, or ``job.state`` is another job's.
        DataError: there are too few images to hold some out.
        Diverged: the loss or another figure is no finite number.
        IntegrityError: the parent is damaged, or the ONNX file does not answer as Keras does.
        UnavailableError: there is no room to keep an epoch's end.
    """
    progress = progress or Silent()
    kept = StateFolder(job.state, identity(job)) if job.state else Forgetful()
    hyperparameters, epochs = job.hyperparameters, job.hyperparameters.epochs
    parent = open_bundle(job.parent) if job.parent else None
    done = _epochs_done(job, parent.metadata if parent else None)
    training, validation = split(dataset, hyperparameters.val_size)

    from fmnist.training import backend
    from fmnist.training.checkpoint import provenance_of, write_bundle
    from fmnist.training.distributed import Collective
    from fmnist.training.trainer import Fitting

    backend.prepare(job.threads)
    team = Collective(job.team)
    fitting = Fitting(hyperparameters, job.seed, len(training), epochs - done, team)
    state = kept.newest(progress.noted)
    if state:
        fitting.go_on_from(state.weights, state.optimizer)
        remove_leftovers(job.folder)
        progress.noted(f"going on after epoch {state.epoch} of {epochs}, where an earlier process ended")
    elif parent:
        fitting.start_from(parent.keras)
    parent_run = parent.metadata.provenance.run if parent else None
    run.start({**_parameters(job), **provenance_of(job, run.id, parent_run).fields()})
    reporter = Reporter(epochs, validation)
    reports = state.reports if state else ()
    decision = team.agreed(_replayed(reports, run, progress))
    while decision is Decision.CONTINUE and (epoch := done + len(reports) + 1) <= epochs:
        result = fitting.epoch(epoch, training, partial(progress.stepped, epoch, epochs))
        probabilities = fitting.predict(validation.images)
        report = reporter.report(epoch, result, probabilities)
        reports = (*reports, report)
        # Before the run hears of it: killed in between, the run is told when the training goes on.
        kept.save(State(*fitting.variables(), reports))
        decision = team.agreed(run.report(report))
        progress.reported(report)
    bundle = write_bundle(
        fitting.model,
        job,
        provenance=provenance_of(job, run.id, parent_run),
        epochs=reports[-1].epoch,
        metrics=reports[-1].validation,
        training=training,
        validation=validation,
    )
    run.finish(bundle.folder)
    # Whoever is gone while others are still at work counts as crashed.
    team.agreed(decision)
    return bundle


def _replayed(reports: Sequence[EpochReport], run: Run, progress: Progress) -> Decision:
    """Tell of the epochs that an earlier process did; the run may not have heard of the last one."""
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
            "epochs counts those of the checkpoint too: ask for more"
        )
    return parent.epochs


def _parameters(job: TrainingJob) -> dict[str, Any]:
    return {
        **flat(job.hyperparameters.model_dump()),
        "seed": job.seed,
        "threads": job.threads,
        "parent": str(job.parent) if job.parent else None,
    }
