"""A training on this machine as an unmanaged trial at a Determined master: no agent, no container."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from determined.common.experimental.determined import Determined
from determined.core._tensorboard_mode import TensorboardMode
from determined.experimental.core_v2._core_v2 import Config, init_context

from fmnist.settings import DeterminedLogin
from fmnist.training.determined.run import DeterminedRun
from fmnist.training.determined.session import errors_mapped, log_in
from fmnist.training.experiment import METRIC


@contextmanager
def open_unmanaged(
    login: DeterminedLogin, storage: str, experiment: str, name: str | None, job: str | None
) -> Iterator[DeterminedRun]:
    """A trial of an experiment of its own, the one of ``job`` if there is one; it raises as failed.

    Args:
        login: at the master.
        storage: where the checkpoint goes, a folder or an s3:// or gs:// address.
        experiment: the experiment's name.
        name: what the training is called, such as trial-3.
        job: names the training, so that one which goes on reports to the same trial.

    Raises:
        ConfigError: the master does not know user and password.
        UnavailableError: it cannot be reached.
    """
    session = log_in(login)
    client = Determined._from_session(session)
    client._master = session.master
    config = Config(
        name=experiment,
        description=f"{name}, on a machine of its own" if name else "On a machine of its own",
        labels=["fashion-mnist", "unmanaged"],
        searcher={"name": "single", "metric": METRIC, "smaller_is_better": False},
        checkpoint_storage=storage,
        external_experiment_id=f"fmnist-{job or uuid.uuid4().hex}",
        external_trial_id=name or "trial",
    )
    with ExitStack() as stack:
        with errors_mapped(session.master):
            context = init_context(config=config, client=client, tensorboard_mode=TensorboardMode.MANUAL)
            # It would take over this process's stdout and stderr.
            context._log_shipper = None
            stack.enter_context(context)
        yield DeterminedRun(context, None)
