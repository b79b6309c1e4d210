"""Division of the machine's cores and memory among the trials that run at once."""

import sys
from dataclasses import dataclass

import numpy as np
import psutil

from fmnist.core.machine import usable_cores
from fmnist.errors import ConfigError
from fmnist.experiments import Experiment, Single
from fmnist.search.asha import plan_of

TRIAL_MEMORY = 1.5 * 2**30
"""Peak memory of one trial in bytes, rounded up; half of it is TensorFlow itself."""


@dataclass(frozen=True)
class Shares:
    """``jobs`` trials at once, each with ``threads`` threads."""

    jobs: int
    threads: int


def share_machine(experiment: Experiment, jobs: int | None) -> Shares:
    """As many trials at once as the file, the cores and the free memory allow, or ``jobs``.

    Raises:
        ConfigError: there is not enough memory for ``jobs``.
    """
    fitting = max(int(psutil.virtual_memory().available / TRIAL_MEMORY), 1)
    cores = usable_cores()
    if jobs is None:
        jobs = min(_most(experiment), cores, fitting)
    elif jobs > fitting:
        raise ConfigError(
            f"--jobs {jobs}: {psutil.virtual_memory().available / 2**30:.1f} GiB of memory are free, enough "
            f"for {fitting} at {TRIAL_MEMORY / 2**30:.1f} GiB each; use --jobs {fitting}"
        )
    jobs = min(jobs, plan_of(experiment).trials)
    return Shares(jobs, threads=max(1, cores // jobs))


def trial_seed(experiment_seed: int, trial: int) -> int:
    """Seed of one trial, 0 to 2**31 - 1."""
    return int(np.random.SeedSequence((experiment_seed, trial)).generate_state(1)[0]) & 0x7FFFFFFF


def _most(experiment: Experiment) -> int:
    searcher = experiment.searcher
    return 1 if isinstance(searcher, Single) else searcher.max_concurrent_trials or sys.maxsize
