"""The choice of engines: this module alone knows which engine stands behind a port.

An engine's library is imported only when its port is asked for.
"""

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.core.fashion_mnist import MODEL_NAME, TEST
from fmnist.data.base import DataRemote, DataStore
from fmnist.data.watch import CommitFeed, PolledFeed
from fmnist.deployment.base import Platform
from fmnist.errors import ConfigError, NotFoundError
from fmnist.registry.base import Champions, ModelRegistry, ModelVersion, find
from fmnist.settings import PROJECT, Settings
from fmnist.settings.types import Registry, Tracker
from fmnist.tracking.base import Run, StudyLabel

if TYPE_CHECKING:
    from fmnist.catalogue.promotion_log import PromotionLog
    from fmnist.catalogue.verdict_log import VerdictLog
    from fmnist.data.pachyderm.doctor import Doctor
    from fmnist.deployment.promote import Promoter
    from fmnist.experiments.determined.experiments import DeterminedExperiments
    from fmnist.gate.signing import Demands
    from fmnist.retraining.pachyderm.server import PachydermPipelines
    from fmnist.retraining.training import Cluster
    from fmnist.training.job import ClusterTrial


def data_store(settings: Settings) -> DataStore:
    """The engine that versions data."""
    if settings.pachd:
        from fmnist.clients.pachyderm.connection import Connection
        from fmnist.data.pachyderm.store import PachydermStore

        return PachydermStore(Connection(settings.pachd), settings.cache / "pachyderm")
    from fmnist.data.dvc import DvcStore

    return DvcStore(settings.data)


def data_remote(settings: Settings, remote: str | None) -> DataRemote:
    """Where data repos are pushed to: a folder, a URL, or a remote's name in DVC's configuration.

    Raises:
        ConfigError: data is versioned by Pachyderm, which all machines share as it is.
    """
    if settings.pachd:
        raise ConfigError(
            f"data is in {settings.pachd.url}, which needs no push or pull; FMNIST_DATA_STORE=dvc moves the "
            "repos that are on this machine"
        )
    from fmnist.data.dvc.remote import DvcRemote
    from fmnist.data.dvc.remote_storage import open_remote
    from fmnist.data.dvc.store import DvcStore

    return DvcRemote(DvcStore(settings.data), open_remote(remote, PROJECT / ".dvc"))


def data_head(settings: Settings, repo: str) -> Path:
    """The file that holds the id of a repo's newest commit, for tools that watch files.

    It follows every put into a repo of DVC's; for one of Pachyderm's it is right when this is called.
    """
    if settings.pachd:
        from fmnist.files.atomic import write_atomically

        file = settings.home / "heads" / repo
        write_atomically(file, f"{data_store(settings).get(repo).id}\n")
        return file
    from fmnist.data.dvc.store import DvcStore

    return DvcStore(settings.data).head_file(repo)


def data_feed(settings: Settings) -> CommitFeed:
    """Feed of new data commits."""
    if settings.pachd:
        from fmnist.clients.pachyderm.connection import Connection
        from fmnist.data.pachyderm.feed import PachydermFeed

        return PachydermFeed(Connection(settings.pachd))
    return PolledFeed(data_store(settings))


def data_doctor(settings: Settings) -> "Doctor":
    """Diagnosis of the data server.

    Raises:
        ConfigError: data is not versioned by a server.
    """
    if not settings.pachd:
        raise ConfigError("data is versioned on this machine, by DVC; set PACHD_ADDRESS to look at a server")
    from fmnist.clients.pachyderm.connection import Connection
    from fmnist.data.pachyderm.doctor import Doctor

    return Doctor(Connection(settings.pachd))


def open_run(
    settings: Settings,
    experiment: str,
    name: str | None = None,
    job: str | None = None,
    study: StudyLabel | None = None,
) -> AbstractContextManager[Run]:
    """A run in the tracker, the one of ``job`` if there is one, else a new one.

    ``study`` is the search that it belongs to, for trackers where an experiment's name does not join
    its runs. One that raises inside the block ends as failed.
    """
    if settings.tracker == Tracker.DETERMINED and settings.determined:
        from fmnist.tracking.determined.unmanaged import open_unmanaged

        login, storage = settings.determined, settings.checkpoint_storage
        return open_unmanaged(login, storage, experiment, name, job, study)
    if settings.tracker == Tracker.WANDB:
        # In a worker, where no command line would turn the missing package into a message.
        if find_spec("wandb") is None:
            raise ConfigError("FMNIST_TRACKER=wandb: wandb is not installed; make extras adds it to .venv")
        from fmnist.tracking.wandb import WandbRun

        return WandbRun.open(settings, experiment, name, job)
    from fmnist.tracking.mlflow import MlflowRun

    return MlflowRun.open(settings, experiment, name, job)


def experiments(settings: Settings) -> "DeterminedExperiments":
    """The cluster that runs experiments.

    Raises:
        ConfigError: none is known.
    """
    from fmnist.experiments.determined.experiments import DeterminedExperiments

    if settings.determined is None:
        raise ConfigError("set DET_MASTER, DET_USER and DET_PASS to reach a Determined master")
    return DeterminedExperiments(settings.determined)


def open_trial() -> "AbstractContextManager[ClusterTrial]":
    """The trial that a cluster started this process for."""
    from fmnist.training.determined.trial import open_trial as open_determined_trial

    return open_determined_trial()


def for_each_slot() -> None:
    """In a trial with several slots: return in the process of each; the one that started them ends."""
    from fmnist.training.determined.trial import for_each_slot as for_each_slot_of_determined

    for_each_slot_of_determined()


def model_registry(settings: Settings) -> ModelRegistry:
    """The engine that keeps model versions."""
    if settings.registry == Registry.DETERMINED:
        from fmnist.registry.determined import DeterminedRegistry

        return DeterminedRegistry(settings)
    from fmnist.registry.mlflow import MlflowRegistry

    return MlflowRegistry(settings)


def promotion_log(settings: Settings, model: str) -> "PromotionLog":
    """The model's promotion history."""
    from fmnist.catalogue.database import Database
    from fmnist.catalogue.promotion_log import PromotionLog

    return PromotionLog(Database(settings.catalogue_uri), model, settings.promotions)


def verdict_log(settings: Settings, model: str) -> "VerdictLog":
    """The numbers of the model's verdicts."""
    from fmnist.catalogue.database import Database
    from fmnist.catalogue.verdict_log import VerdictLog

    return VerdictLog(Database(settings.catalogue_uri), model)


def champions(settings: Settings, model: str) -> Champions:
    """The champion and all before it, by the promotion log, or where it is empty by the registry's mirror.

    Raises:
        IntegrityError: the log, or the mirror where that counts, is damaged.
        UnavailableError: one of them cannot be reached, so that nobody can say who is champion.
    """
    history = promotion_log(settings, model).read()
    if history.champion is None:
        return model_registry(settings).champions(model)
    promoted = frozenset(tenure.bundle_sha256 for tenure in history.tenures)
    return Champions(history.champion.bundle_sha256, promoted)


def champion(settings: Settings, model: str) -> ModelVersion | None:
    """The champion; None before the first promotion; raises as ``champions`` and ``find`` do."""
    current = champions(settings, model).current
    return find(model_registry(settings), model, current) if current else None


def pipeline_server(settings: Settings) -> "PachydermPipelines":
    """What runs pipelines.

    Raises:
        ConfigError: none is known.
    """
    if settings.pachd is None:
        raise ConfigError("pipelines run in Pachyderm; set PACHD_ADDRESS to the address of a server")
    from fmnist.clients.pachyderm.connection import Connection
    from fmnist.retraining.pachyderm.server import PachydermPipelines

    return PachydermPipelines(Connection(settings.pachd))


def platform(settings: Settings) -> Platform:
    """The engine that serves."""
    from fmnist.deployment.local.platform import LocalPlatform

    return LocalPlatform(settings.serving, settings.gateway_port, PROJECT)


def promoter(settings: Settings, model: str = MODEL_NAME, policy: Path = PROJECT / "gate.yaml") -> "Promoter":
    """What changes the version that serves on this platform; new ones must have passed by ``policy``."""
    from fmnist.deployment.promote import Promoter
    from fmnist.gate.signing import Keys

    return Promoter(
        registry=model_registry(settings),
        platform=platform(settings),
        log=promotion_log(settings, model),
        keys=Keys.at(settings.home),
        bundles=settings.serving / "bundles",
        demands=lambda: demands(settings, model, policy),
    )


def demands(settings: Settings, model: str, policy: Path) -> "Demands":
    """What a verdict must be about now: the policy, the newest test data, and the newest number.

    Raises:
        ConfigError: the policy cannot be used.
        UnavailableError: the data store cannot be reached.
    """
    from fmnist.gate.policy import read_policy
    from fmnist.gate.signing import Demands

    try:
        test_files = {file.name: file.sha256 for file in data_store(settings).get(TEST.repo).files}
    except NotFoundError:
        test_files = None
    return Demands(
        read_policy(policy).sha256(), test_files, verdict_log(settings, model).latest, datetime.now(UTC)
    )


def cluster_of(settings: Settings) -> "Cluster":
    """What a training on a cluster takes."""
    from fmnist.retraining.training import Cluster

    return Cluster(data_store(settings), experiments(settings), model_registry(settings))
