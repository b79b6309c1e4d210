"""Run a hyperparameter search on this machine."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fmnist.core.fashion_mnist import TRAIN
from fmnist.core.progress import Say
from fmnist.core.provenance import DataReference
from fmnist.data.commits import load
from fmnist.experiments import Experiment, load_experiment
from fmnist.experiments.data_section import announced_commit, selected_commit
from fmnist.jobs.train import open_workers
from fmnist.search.ranking import shown
from fmnist.search.resources import share_machine
from fmnist.search.runner import OpenRun, search
from fmnist.search.trial import SearchResult
from fmnist.settings import Settings
from fmnist.training.workers import Workers, prepare
from fmnist.wiring import data_store, open_run


def search_file(
    settings: Settings,
    file: Path,
    overrides: Sequence[str],
    say: Say,
    *,
    jobs: int | None = None,
    fresh: bool = False,
) -> SearchResult:
    """Search the ranges of an experiment file on the data commit that it selects.

    ``say`` receives warnings about the file. Args and errors otherwise as of ``search_experiment``.
    """
    experiment = load_experiment(file, overrides)
    for warning in experiment.warnings:
        say(f"warning: {file}: {warning}")
    share_machine(experiment, jobs)
    store = data_store(settings)
    commit = selected_commit(store, experiment.data, TRAIN, announced_commit(settings))
    prepare()
    with open_workers(settings, commit, load(store, commit)) as workers:
        return search_experiment(settings, experiment, commit.reference(), workers, jobs=jobs, fresh=fresh)


def search_experiment(
    settings: Settings,
    experiment: Experiment,
    data: DataReference,
    workers: Workers,
    *,
    jobs: int | None = None,
    fresh: bool = False,
    runs: OpenRun | None = None,
) -> SearchResult:
    """Search, with progress on stderr.

    Args:
        settings: engines and folders.
        experiment: what to try.
        data: the commit that the workers train on.
        workers: run the trials.
        jobs: trials at once, at least 1; as many as fit if None.
        fresh: set an existing study of this name aside first.
        runs: opens a run per trial; the tracker's if None.

    Raises:
        ConfigError: there is not enough memory for ``jobs``; else see ``search``.
    """
    with shown() as progress:
        return search(
            experiment,
            data,
            settings,
            workers,
            runs or partial(open_run, settings, experiment.name),
            share_machine(experiment, jobs),
            fresh=fresh,
            progress=progress,
        )
