"""Trial that Determined started: its hyperparameters, its latest checkpoint, its run."""

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
from fmnist.experiments.determined.download import checked
from fmnist.files.paths import path_in
from fmnist.tracking.base import Run
from fmnist.tracking.determined.run import DeterminedRun
from fmnist.tracking.null import NullRun
from fmnist.training.determined import slots
from fmnist.training.job import ClusterTrial
from fmnist.training.resume import recorded_threads

_EPOCH = re.compile(r"epoch-(\d+)\.state")


@contextmanager
def open_trial() -> Iterator[ClusterTrial]:
    """The trial of this process; after the block the master has received every report.

    Raises:
        ConfigError: this process is not a trial's.
        UnavailableError: the master cannot be reached.
    """
    info = _info()
    group = slots.worker_group(info)
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fmnist-state-")))
        with errors_mapped(info.master_url):
            # The default mode imports TensorFlow before the first line and writes event files of its own.
            context = init(
                distributed=slots.distributed(info, group),
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
        if group.rank:
            # The first process reports for all.
            run = NullRun(str(info.trial.trial_id))
        else:
            run = DeterminedRun(context, state, context.train.set_metadata, restored=_epoch(state))
        yield ClusterTrial(
            experiment=experiment.name,
            hyperparameters=info.trial.hparams,
            data=info.user_data or {},
            seed=info.trial.trial_seed,
            began=datetime.fromisoformat(experiment.startTime),
            state=state,
            # A machine with other cores would otherwise use other threads, and results would differ.
            threads=recorded_threads(state),
            run=run,
            group=group,
            local_size=max(1, len(info.slot_ids)),
        )


def for_each_slot() -> None:
    """Return in a process for each slot; the process that starts these ends here, after them.

    Raises:
        ConfigError: this process is not a trial's.
        SystemExit: in the process that started them; with 0, or the code of the first that failed.
    """
    slots.end_with_parent()
    environments = slots.environments(_info())
    if environments:
        raise SystemExit(slots.run_each(environments))


def _info() -> ClusterInfo:
    info = get_cluster_info()
    if info is None or info.task_type != "TRIAL":
        raise ConfigError("DET_TRIAL_ID is set, but Determined did not start this process; unset it")
    return info


def _restore(context: Context, checkpoint: str, state: Path) -> None:
    with context.checkpoint.restore_path(checkpoint, selector=checked(checkpoint)) as folder:
        for file in (folder / STATE).glob("*"):
            shutil.copyfile(path_in(folder / STATE, file.name, f"checkpoint {checkpoint}"), state / file.name)


def _epoch(state: Path) -> int:
    """The epoch that the training resumes after, 0 at its beginning."""
    found = (_EPOCH.fullmatch(file.name) for file in state.iterdir())
    return max((int(match[1]) for match in found if match), default=0)
