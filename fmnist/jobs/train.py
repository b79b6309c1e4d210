"""The training of one model: ``python -m fmnist.jobs.train``.

    python -m fmnist.jobs.train [EXPERIMENT_FILE] [--config a.b=value]... [--from BUNDLE] [--out FOLDER]

A training that was killed goes on after its last epoch when it is started again with the same
file, data, code and threads; ``--fresh`` begins anew.

Determined starts it by the experiment file's ``entrypoint``, ``fmnist train`` as a child process.
TensorFlow is imported only when a training begins, so that a wrong file is told at once.
"""

import logging
import signal
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import click

from fmnist.core.fashion_mnist import TRAIN
from fmnist.core.logs import bind, configure
from fmnist.core.machine import usable_cores
from fmnist.core.names import folder_name
from fmnist.data.commits import load
from fmnist.data.fetch import newest_data
from fmnist.errors import FmnistError, InputError
from fmnist.experiments import load_experiment
from fmnist.experiments.data_selector import head_at, selector_of
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.files.git import code_version
from fmnist.settings import PROJECT, Settings, from_environment
from fmnist.training.curves import Curves
from fmnist.training.fingerprint import identity
from fmnist.training.job import TrainingJob
from fmnist.training.loop import train
from fmnist.training.options import training_options
from fmnist.training.process import end_with_parent
from fmnist.training.progress import Silent, shown
from fmnist.training.resume import unfinished
from fmnist.wiring import data_store, for_each_slot, open_run, open_trial

logger = logging.getLogger("fmnist.jobs.train")


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
        unfinished(settings.states / checkpoints.name, identity(job), fresh=fresh) as kept,
        open_run(settings, experiment.name, job=kept.id) as run,
        shown() as progress,
    ):
        if code.reason:
            progress.noted(f"git commit {code}")
        job = replace(job, folder=out or checkpoints / run.id, state=kept.folder)
        bundle = train(job, dataset, run, Curves(curves, progress) if curves else progress)
        kept.remove()
    click.echo(bundle.folder)


def _train_trial(settings: Settings, threads: int | None) -> None:
    """The checkpoint goes where the cluster keeps them, and is gone here afterwards."""
    configure()
    for_each_slot()
    store = data_store(settings)
    with (
        open_trial() as trial,
        nullcontext(Silent()) if trial.team.rank else shown() as progress,
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
            threads=threads or trial.threads or max(1, usable_cores() // trial.neighbours),
            git_commit=trial.code(PROJECT / "fmnist"),
            state=trial.state,
            team=trial.team,
        )
        train(job, load(store, commit), trial.run, progress)


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
