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
from dataclasses import replace
from pathlib import Path

import click

from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import TRAIN
from fmnist.core.logs import bind, configure
from fmnist.core.machine import usable_cores
from fmnist.core.names import folder_name
from fmnist.core.signals import raise_on_sigterm
from fmnist.data.base import Commit
from fmnist.data.commits import load
from fmnist.data.fetch import newest_data
from fmnist.errors import FmnistError, InputError
from fmnist.experiments import load_experiment
from fmnist.experiments.data_selector import head_at, selector_of
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.files.git import code_version
from fmnist.settings import PROJECT, Settings, from_environment
from fmnist.training.fingerprint import fingerprint
from fmnist.training.job import TrainingJob
from fmnist.training.progress import CurvesFile, SilentTraining, shown
from fmnist.training.resume import unfinished
from fmnist.training.worker import Workers, prepare, share
from fmnist.wiring import data_store, for_each_slot, open_run, open_trial

logger = logging.getLogger("fmnist.jobs.train")

CONST = PROJECT / "const.yaml"


def train_file(
    settings: Settings,
    file: Path = CONST,
    overrides: Sequence[str] = (),
    *,
    parent: Path | None = None,
    out: Path | None = None,
    fresh: bool = False,
    threads: int | None = None,
    curves: Path | None = None,
) -> Bundle:
    """Train the model of an experiment file on the newest training data, in a worker process.

    A training that was killed resumes after its last epoch when it is started again with the same file,
    data, code and threads.

    Args:
        settings: engines and folders.
        file: a Determined experiment file without ranges.
        overrides: KEY=VALUE, for keys of the file.
        parent: folder of a checkpoint bundle to continue from.
        out: new folder for the checkpoint; one named after the run if None.
        fresh: start over even if an unfinished training could be resumed.
        threads: of TensorFlow, at least 1; all cores if None.
        curves: CSV file for the metrics of each epoch.

    Raises:
        InputError: ``out`` exists.
        FmnistError: the training's own error.
    """
    experiment = load_experiment(file, overrides)
    hyperparameters = Hyperparameters.read(experiment.constants())
    if out and out.exists():
        raise InputError(f"--out {out}: already exists; name a new folder")
    store = data_store(settings)
    commit = newest_data(store)
    prepare()
    checkpoints = settings.checkpoints / folder_name(experiment.name)
    code = code_version(PROJECT)
    job = TrainingJob(
        experiment=experiment.name,
        hyperparameters=hyperparameters,
        train_data=commit.reference(),
        folder=out or checkpoints,
        seed=experiment.reproducibility.experiment_seed,
        threads=threads or usable_cores(),
        git_commit=str(code),
        parent=parent,
    )
    with (
        open_workers(settings, commit, load(store, commit)) as workers,
        unfinished(settings.states / checkpoints.name, fingerprint(job), fresh=fresh) as states,
        open_run(settings, experiment.name, job=states.id) as run,
        shown() as progress,
    ):
        if code.reason:
            progress.noted(f"git commit {code}")
        job = replace(job, folder=out or checkpoints / run.id, state=states.folder)
        bundle = workers.run(job, run, CurvesFile(curves, progress) if curves else progress)
        states.remove()
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
            git_commit=trial.code(PROJECT / "fmnist"),
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
        click.echo(train_file(settings, file, overrides, threads=threads).folder)


def main() -> None:
    """Run the command line; the project's errors become one line and their exit code."""
    raise_on_sigterm()
    try:
        _command()
    except FmnistError as error:
        click.echo(f"fmnist: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
