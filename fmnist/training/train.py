"""The one training loop, and the one way to start it.

    python -m fmnist.training.train [EXPERIMENT_FILE] [--config a.b=value]... [--from BUNDLE] [--out FOLDER]

A training that was killed goes on after its last epoch when it is started again with the same
file, data, code and threads; ``--fresh`` begins anew.

Determined starts it by the experiment file's ``entrypoint``, ``fmnist train`` as a child process.
TensorFlow is imported only when a training begins, so that a wrong file is told at once.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from fmnist.bundle import Bundle, DataReference, Metadata, open_bundle
from fmnist.data.base import Commit, DataStore
from fmnist.data.dataset import Dataset
from fmnist.data.fetch import load
from fmnist.engines import data_store, for_each_slot, open_run, open_trial
from fmnist.errors import ConfigError, FmnistError, InputError, NotFoundError
from fmnist.fashion_mnist import TRAIN
from fmnist.files import remove_leftovers
from fmnist.git import code_version
from fmnist.settings import PROJECT, Settings, from_environment
from fmnist.training.base import Decision, EpochReport, Run
from fmnist.training.child import end_with_parent
from fmnist.training.cluster_data import head_at, wanted
from fmnist.training.curves import Curves
from fmnist.training.experiment import flat, load_experiment
from fmnist.training.hyperparameters import Hyperparameters
from fmnist.training.job import TrainingJob
from fmnist.training.names import folder_name
from fmnist.training.options import training_options
from fmnist.training.progress import Progress, Silent, shown
from fmnist.training.repeatable import identity
from fmnist.training.reports import Reporter
from fmnist.training.split import split
from fmnist.training.state import Forgetful, State, StateFolder, unfinished


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
    from fmnist.training.checkpoint import write_bundle
    from fmnist.training.collective import Collective
    from fmnist.training.fitting import Fitting

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
    run.start(_parameters(job))
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
        run=run.id,
        parent_run=parent.metadata.provenance.run if parent else None,
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
        "dataset": job.train_data.origin,
        "data_commit": job.train_data.commit,
        "git_commit": job.git_commit,
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@training_options
def _command(
    experiment_file: Path,
    overrides: tuple[str, ...],
    parent: Path | None,
    out: Path | None,
    fresh: bool,
    threads: int | None,
    curves: Path | None,
) -> None:
    """Train one model; the last line on stdout is the checkpoint's folder.

    In a trial that a cluster started, the cluster says what to train.
    """
    settings = from_environment()
    if settings.in_trial:
        _train_trial(settings, threads)
        return
    experiment = load_experiment(experiment_file, overrides)
    hyperparameters = Hyperparameters.read(experiment.constants())
    if out and out.exists():
        raise InputError(f"--out {out}: is there already; name a folder that is not")
    store = data_store(settings)
    commit = newest_data(store)
    dataset = load(store, commit)
    checkpoints = settings.checkpoints / folder_name(experiment.name)
    job = TrainingJob(
        experiment=experiment.name,
        hyperparameters=hyperparameters,
        train_data=reference_to(commit),
        folder=out or checkpoints,
        seed=experiment.reproducibility.experiment_seed,
        threads=threads or usable_cores(),
        git_commit=code_version(PROJECT),
        parent=parent,
    )
    with (
        unfinished(settings.states / checkpoints.name, identity(job), fresh=fresh) as kept,
        open_run(settings, experiment.name, job=kept.id) as run,
        shown() as progress,
    ):
        job = replace(job, folder=out or checkpoints / run.id, state=kept.folder)
        bundle = train(job, dataset, run, Curves(curves, progress) if curves else progress)
        kept.remove()
    click.echo(bundle.folder)


def _train_trial(settings: Settings, threads: int | None) -> None:
    """The checkpoint goes where the cluster keeps them, and is gone here afterwards."""
    for_each_slot(settings)
    store = data_store(settings)
    with (
        open_trial(settings) as trial,
        nullcontext(Silent()) if trial.team.rank else shown() as progress,
        tempfile.TemporaryDirectory(prefix="fmnist-") as folder,
    ):
        commit = head_at(store, wanted(trial.data, TRAIN), trial.began)
        job = TrainingJob(
            experiment=trial.experiment,
            hyperparameters=Hyperparameters.read(trial.hyperparameters),
            train_data=reference_to(commit),
            folder=Path(folder) / "bundle",
            seed=trial.seed,
            threads=threads or trial.threads or max(1, usable_cores() // trial.neighbours),
            git_commit=trial.code(PROJECT / "fmnist"),
            state=trial.state,
            team=trial.team,
        )
        train(job, load(store, commit), trial.run, progress)


def newest_data(store: DataStore) -> Commit:
    """The newest commit of the training data.

    Raises:
        NotFoundError: there is none; says how to put it in.
    """
    try:
        return store.get(TRAIN.repo)
    except NotFoundError as error:
        raise NotFoundError(f"{error}; put training data in first: fmnist data fetch") from error


def reference_to(commit: Commit) -> DataReference:
    """What a checkpoint says of the data that it saw."""
    sums = {file.name: file.sha256 for file in commit.files}
    return DataReference(commit.repo, commit.id, commit.origin, sums)


def usable_cores() -> int:
    """The cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main() -> None:
    """Run the command line; the project's errors become one line and their exit code."""
    end_with_parent()
    # An orderly end, so that the run is marked as failed and nothing half-written stays.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        _command()
    except FmnistError as error:
        click.echo(f"fmnist: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
