"""A training on this machine as an unmanaged trial at a Determined master: no agent, no container."""

import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from determined.common.api import bindings
from determined.common.experimental.determined import Determined
from determined.core._context import Context
from determined.core._tensorboard_mode import TensorboardMode
from determined.experimental.core_v2._core_v2 import Config, init_context

from fmnist.clients.determined import errors_mapped, log_in
from fmnist.experiments import SINGLE
from fmnist.experiments.determined.checkpoint import check_storage, storage_config
from fmnist.settings import DeterminedLogin
from fmnist.tracking.base import StudyLabel
from fmnist.tracking.determined.run import DeterminedRun


@contextmanager
def open_unmanaged(
    login: DeterminedLogin,
    storage: str,
    experiment: str,
    name: str | None,
    job: str | None,
    study: StudyLabel | None,
) -> Iterator[DeterminedRun]:
    """Open the trial of ``job`` if the master knows it, else a new one; it fails if the block raises.

    It is one of the trials of its search's experiment, else the only one of its experiment.

    Args:
        login: at the master.
        storage: where the checkpoint goes, a folder or an s3:// or gs:// address.
        experiment: the experiment's name.
        name: of the training, such as trial-3.
        job: id of the training; a resumed one reports to the same trial.
        study: the search that the training belongs to.

    Raises:
        ConfigError: the master rejects the credentials, or ``storage`` cannot be written.
        UnavailableError: it cannot be reached.
    """
    session = log_in(login)
    check_storage(storage)
    client = Determined._from_session(session)
    client._master = session.master
    job = job or uuid.uuid4().hex
    what = "A search" if study else name or "A training"
    trial_id = f"{name}-{job}" if study else name or "trial"
    config = Config(
        name=experiment,
        description=f"{what} on a machine of its own",
        labels=["fashion-mnist", "unmanaged"],
        # Only a label: the master steers no trial of ours.
        searcher=dict(study.searcher) if study else dict(SINGLE),
        checkpoint_storage=storage_config(storage),
        external_experiment_id=f"fmnist-{study.id if study else job}",
        external_trial_id=trial_id,
    )
    with tempfile.TemporaryDirectory(prefix="fmnist-tensorboard-") as events:
        with errors_mapped(session.master):
            context = init_context(config=config, client=client, tensorboard_mode=TensorboardMode.MANUAL)
        # It would take over this process's stdout and stderr.
        context._log_shipper = None
        # All trainings of a machine would share one folder, and each would upload what lies there.
        assert context._tensorboard_manager
        context._tensorboard_manager.base_path = Path(events)

        def record(parameters: dict[str, Any]) -> None:
            # Not as metadata: an unmanaged trial that has some cannot be resumed (master 0.38.1).
            _put_trial(context, trial_id, parameters)

        with _entered(context, session.master):
            yield DeterminedRun(context, None, record)


@contextmanager
def _entered(context: Context, master: str) -> Iterator[None]:
    """Report the end of the block to the master; an error of the block wins over one of the report."""
    before = sys.exit, sys.excepthook
    with errors_mapped(master):
        context.start()
    # It would hook into this process, which may have many trials.
    sys.exit, sys.excepthook = before
    try:
        yield
    except BaseException:
        with suppress(Exception):
            context.close(*sys.exc_info())
        raise
    with errors_mapped(master):
        context.close()


def _put_trial(context: Context, external_id: str, parameters: dict[str, Any]) -> None:
    assert context.info
    assert context._session
    trial = bindings.v1CreateTrialRequest(
        experimentId=context.info.trial.experiment_id, hparams=parameters, unmanaged=True
    )
    body = bindings.v1PutTrialRequest(createTrialRequest=trial, externalTrialId=external_id)
    bindings.put_PutTrial(context._session, body=body)
