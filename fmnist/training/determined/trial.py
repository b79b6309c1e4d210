"""A trial that Determined started: its hyperparameters, its earlier checkpoint, its run."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from determined._info import ClusterInfo, get_cluster_info
from determined.common.api import bindings
from determined.core._context import Context, init
from determined.core._preempt import PreemptMode
from determined.core._tensorboard_mode import TensorboardMode

from fmnist.clients.determined import enable_retries, errors_mapped
from fmnist.errors import ConfigError
from fmnist.experiments.determined.checkpoint import STATE
from fmnist.tracking.base import Run
from fmnist.tracking.determined.run import DeterminedRun
from fmnist.tracking.null import NullRun
from fmnist.training.determined import slots
from fmnist.training.process import run_each
from fmnist.training.trial import Trial

_EPOCH = re.compile(r"epoch-(\d+)\.state")
_THREADS = "number of threads"


@contextmanager
def open_trial() -> Iterator[Trial]:
    """The trial that this process is; after the block the master knows all that was reported.

    Raises:
        ConfigError: this process is no trial.
        UnavailableError: the master cannot be reached.
    """
    info = _info()
    team = slots.team(info)
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fmnist-state-")))
        with errors_mapped(info.master_url):
            # The default mode imports TensorFlow before the first line and writes event files of its own.
            context = init(
                distributed=slots.distributed(info, team),
                preempt_mode=PreemptMode.ChiefOnly,
                tensorboard_mode=TensorboardMode.MANUAL,
            )
            session = context._session
            assert session
            enable_retries(session)
            stack.enter_context(context)
            if info.latest_checkpoint:
                _restore(context, info.latest_checkpoint, state)
            experiment = bindings.get_GetExperiment(session, experimentId=info.trial.experiment_id).experiment
        run: Run
        if team.rank:
            # The first process speaks for all.
            run = NullRun(str(info.trial.trial_id))
        else:
            run = DeterminedRun(context, state, context.train.set_metadata, restored=_epoch(state))
        yield Trial(
            experiment=experiment.name,
            hyperparameters=info.trial.hparams,
            data=info.user_data or {},
            seed=info.trial.trial_seed,
            began=datetime.fromisoformat(experiment.startTime),
            state=state,
            threads=_threads(state),
            run=run,
            team=team,
            neighbours=max(1, len(info.slot_ids)),
        )


def for_each_slot() -> None:
    """Return in the process of each slot; the one that started them ends here, when they have ended.

    Raises:
        ConfigError: this process is no trial.
        SystemExit: in the one that started them; with 0, or the code of the first that failed.
    """
    environments = slots.environments(_info())
    if environments:
        raise SystemExit(run_each(environments))


def _info() -> ClusterInfo:
    info = get_cluster_info()
    if info is None or info.task_type != "TRIAL":
        raise ConfigError("DET_TRIAL_ID is set, but Determined did not start this process; unset it")
    return info


def _restore(context: Context, checkpoint: str, state: Path) -> None:
    with context.checkpoint.restore_path(checkpoint) as folder:
        for file in (folder / STATE).glob("*"):
            shutil.copyfile(file, state / file.name)


def _epoch(state: Path) -> int:
    """The epoch that the training goes on after, 0 at its beginning."""
    found = (_EPOCH.fullmatch(file.name) for file in state.iterdir())
    return max((int(match[1]) for match in found if match), default=0)


def _threads(state: Path) -> int | None:
    """Another machine of the cluster may have more cores, but its sums would come out differently."""
    job = state / "job.json"
    return int(json.loads(job.read_text())["job"][_THREADS]) if job.is_file() else None
