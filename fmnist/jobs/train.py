"""Train one model: for ``fmnist train``, and as the entry point of a cluster's trials.

    python -m fmnist.jobs.train [EXPERIMENT_FILE] [--config a.b=value]... [--threads N]

Determined starts the module by the experiment file's ``entrypoint``; the cluster says what to train.
Started by hand it does what ``fmnist train`` does, which has more options.
"""

import logging
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import click

from fmnist.core.bundle import METADATA_FILE, Bundle, open_bundle
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import TRAIN
from fmnist.core.logs import bind, configure, mask_tracebacks
from fmnist.core.machine import usable_cores
from fmnist.core.names import folder_name
from fmnist.core.signals import raise_on_sigterm
from fmnist.data.base import Commit, DataStore
from fmnist.data.commits import load
from fmnist.errors import FmnistError, InputError, IntegrityError, NotFoundError
from fmnist.experiments import load_experiment
from fmnist.experiments.data_section import announced_commit, head_at, selected_commit, selector_of
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.files.git import UNKNOWN, code_version, uncommitted
from fmnist.settings import PROJECT, Settings, from_environment
from fmnist.training.fingerprint import fingerprint
from fmnist.training.job import TrainingJob
from fmnist.training.progress import CurvesFile, SilentTraining, shown
from fmnist.training.resume import unfinished
from fmnist.training.workers import Workers, prepare, share
from fmnist.wiring import data_store, for_each_slot, model_registry, open_run, open_trial

logger = logging.getLogger("fmnist.jobs.train")

CONST = PROJECT / "const.yaml"


@dataclass(frozen=True)
class TrainOptions:
    """Options of one training.

    Attributes:
        parent: folder of a checkpoint bundle to continue from.
        out: new folder for the checkpoint; one named after the run if None.
        fresh: start over even if an unfinished training could be resumed.
        threads: of TensorFlow, at least 1; all cores, or those of the version to train again, if None.
        curves: CSV file for the metrics of each epoch.
    """

    parent: Path | None = None
    out: Path | None = None
    fresh: bool = False
    threads: int | None = None
    curves: Path | None = None

    def folder(self, settings: Settings, experiment: str) -> Path:
        """``out``, which must not exist (InputError), or the folder of the experiment's checkpoints."""
        if self.out and self.out.exists():
            raise InputError(f"--out {self.out}: already exists; name a new folder")
        return self.out or settings.checkpoints / folder_name(experiment)


DEFAULTS = TrainOptions()


def train_file(
    settings: Settings,
    file: Path = CONST,
    overrides: Sequence[str] = (),
    options: TrainOptions = DEFAULTS,
) -> Bundle:
    """Train the model of an experiment file on the data commit that it selects, in a worker process.

    A training that was killed resumes after its last epoch when it is started again with the same file,
    data, code and threads.

    Args:
        settings: engines and folders.
        file: a Determined experiment file without ranges.
        overrides: KEY=VALUE, for keys of the file.
        options: of this training.

    Raises:
        InputError: ``options.out`` exists.
        NotFoundError: there is no such data commit.
        FmnistError: the training's own error.
    """
    experiment = load_experiment(file, overrides)
    hyperparameters = Hyperparameters.read(experiment.constants())
    folder = options.folder(settings, experiment.name)
    store = data_store(settings)
    commit = selected_commit(store, experiment.data, TRAIN, announced_commit(settings))
    job = TrainingJob(
        experiment=experiment.name,
        hyperparameters=hyperparameters,
        train_data=commit.reference(),
        folder=folder,
        seed=experiment.reproducibility.experiment_seed,
        threads=options.threads or usable_cores(),
        git_commit=str(code_version(PROJECT)),
        parent=options.parent,
    )
    return _train(settings, store, commit, job, options)


def train_version_again(
    settings: Settings,
    model: str,
    number: int,
    options: TrainOptions = DEFAULTS,
) -> Bundle:
    """Train on the data commit, and with the configuration, that a version's lineage names.

    With the code of that version, on the machine that trained it, the weights are the same.

    Args:
        settings: engines and folders.
        model: the version's model.
        number: the version.
        options: of this training. A version that was continued from a checkpoint is continued from
            ``parent``, or if None from the checkpoint of that run on this machine.

    Raises:
        NotFoundError: there is no such version, its data commit or the checkpoint before is not here.
        IntegrityError: the commit of that id holds other files than the version was trained on.
        FmnistError: as of ``train_file``.
    """
    metadata = model_registry(settings).get(model, number).metadata
    origin = metadata.provenance
    data, store = origin.train_data, data_store(settings)
    commit = store.get(data.repo, data.commit)
    if commit.reference().sha256 != data.sha256:
        raise IntegrityError(
            f"{data.repo}@{data.commit}: holds other files here than those that version {number} of {model} "
            "was trained on"
        )
    job = TrainingJob(
        experiment=origin.experiment,
        hyperparameters=Hyperparameters.read(metadata.hyperparameters),
        train_data=commit.reference(),
        folder=options.folder(settings, origin.experiment),
        seed=origin.seed,
        threads=options.threads or origin.threads,
        git_commit=str(code_version(PROJECT)),
        parent=options.parent or (_checkpoint_of(settings, origin.parent_run) if origin.parent_run else None),
    )
    return _train(settings, store, commit, job, options)


def _checkpoint_of(settings: Settings, run: str) -> Path:
    """Folder of a run's checkpoint on this machine."""
    for metadata in sorted(settings.checkpoints.glob(f"*/*/{METADATA_FILE}")):
        if run in metadata.read_text() and open_bundle(metadata.parent).metadata.provenance.run == run:
            return metadata.parent
    raise NotFoundError(
        f"{settings.checkpoints}: no checkpoint of run {run}, which the version was continued from; name its "
        "folder: --from CHECKPOINT"
    )


def _train(
    settings: Settings, store: DataStore, commit: Commit, job: TrainingJob, options: TrainOptions
) -> Bundle:
    prepare()
    states = settings.states / folder_name(job.experiment)
    with (
        open_workers(settings, commit, load(store, commit)) as workers,
        unfinished(states, fingerprint(job), fresh=options.fresh) as state,
        open_run(settings, job.experiment, job=state.id) as run,
        shown() as progress,
    ):
        progress.noted(f"training on {commit.repo}@{commit.id}")
        if job.git_commit.startswith(UNKNOWN):
            progress.noted(f"git commit {job.git_commit}")
        job = replace(job, folder=options.out or job.folder / run.id, state=state.folder)
        bundle = workers.run(job, run, CurvesFile(options.curves, progress) if options.curves else progress)
        state.remove()
    return bundle


def open_workers(settings: Settings, commit: Commit, dataset: Dataset) -> Workers:
    """Workers that train on ``dataset``, the content of ``commit``."""
    return Workers(share(dataset, settings.cache / "arrays" / commit.id))


def train_trial(settings: Settings, threads: int | None = None) -> None:
    """Run the cluster's trial in this process; its checkpoint is uploaded to the cluster's storage."""
    from fmnist.training.loop import train

    configure()
    for_each_slot()
    store = data_store(settings)
    with (
        open_trial() as trial,
        nullcontext(SilentTraining()) if trial.group.rank else shown() as progress,
        tempfile.TemporaryDirectory(prefix="fmnist-") as folder,
    ):
        commit = head_at(store, selector_of(trial.data, TRAIN), trial.began)
        bind(data_commit=commit.id)
        logger.info("training on %s@%s", commit.repo, commit.id)
        job = TrainingJob(
            experiment=trial.experiment,
            hyperparameters=Hyperparameters.read(trial.hyperparameters),
            train_data=commit.reference(),
            folder=Path(folder) / "bundle",
            seed=trial.seed,
            threads=threads or trial.threads or max(1, usable_cores() // trial.local_size),
            git_commit=trial.data.get("git_commit") or str(uncommitted(PROJECT, "submitted without it")),
            state=trial.state,
            group=trial.group,
        )
        train(job, load(store, commit), trial.run, progress)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=CONST)
@click.option("--config", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of FILE.")
@click.option("--threads", type=click.IntRange(1), help="TensorFlow's threads; all cores if not given.")
def _command(file: Path, overrides: tuple[str, ...], threads: int | None) -> None:
    """Train the model of an experiment FILE; in a cluster's trial, the trial's."""
    settings = from_environment()
    if settings.in_trial:
        train_trial(settings, threads)
    else:
        click.echo(train_file(settings, file, overrides, TrainOptions(threads=threads)).folder)


def main() -> None:
    """Run the command line; the project's errors become one line and their exit code."""
    raise_on_sigterm()
    mask_tracebacks()
    try:
        _command()
    except FmnistError as error:
        click.echo(f"fmnist: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
