"""Settings, read once from the environment at the edge, and the choice of engines they make.

This module alone knows which engine stands behind a port; an engine's library is imported only
when its port is asked for.
"""

import getpass
import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.data.base import DataRemote, DataStore
from fmnist.data.pachyderm import address
from fmnist.data.pachyderm.address import Pachd
from fmnist.data.watch import CommitFeed, PolledFeed
from fmnist.deployment.base import Platform
from fmnist.errors import ConfigError
from fmnist.registry.base import ModelRegistry
from fmnist.training.base import Run, StudyLabel

if TYPE_CHECKING:
    from fmnist.data.pachyderm.doctor import Doctor
    from fmnist.pipelines.base import PipelineServer
    from fmnist.training.experiments import Experiments
    from fmnist.training.trial import Trial

PROJECT = Path(__file__).resolve().parent.parent
"""The checkout: where the experiment files, ``deploy/`` and ``.venv-serve`` are."""


@dataclass(frozen=True)
class DeterminedLogin:
    """A Determined master's address and who asks there."""

    master: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """Where state lives and where the gateway listens.

    ``home`` holds all state of the embedded stack. ``source`` is a folder with the raw files, or
    None to look in the usual places. ``tracking_uri`` is MLflow's, a SQLite file in ``home``
    unless ``FMNIST_TRACKING_URI`` names a Postgres. ``gateway_port`` is 1-65535 on 127.0.0.1.
    ``pachd`` is the Pachyderm server that versions data, or None where DVC does.
    ``determined`` is None without a master. ``tracker`` and ``registry`` name the engines behind
    ``Run`` and ``ModelRegistry``: mlflow or determined, for runs also wandb. ``in_trial`` says that
    this process is a trial that Determined started. ``checkpoint_storage`` is where Determined keeps
    what is trained or registered from here, a folder or an s3:// or gs:// address.
    """

    home: Path
    source: Path | None
    tracking_uri: str
    gateway_port: int
    determined: DeterminedLogin | None
    tracker: str
    registry: str
    in_trial: bool
    checkpoint_storage: str
    pachd: Pachd | None = None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def artifacts(self) -> Path:
        return self.home / "artifacts"

    @property
    def tensorboard(self) -> Path:
        return self.home / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        return self.home / "checkpoints"

    @property
    def states(self) -> Path:
        return self.home / "states"

    @property
    def studies(self) -> Path:
        return self.home / "studies"

    @property
    def serving(self) -> Path:
        return self.home / "serving"

    @property
    def promotions(self) -> Path:
        return self.home / "promotions"

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read FMNIST_HOME, FMNIST_SOURCE, FMNIST_TRACKING_URI, FMNIST_GATEWAY_PORT, and for Determined
    DET_MASTER, DET_USER, DET_PASS, FMNIST_TRACKER, FMNIST_REGISTRY and FMNIST_CHECKPOINT_STORAGE.

    FMNIST_DATA_STORE chooses between dvc and pachyderm, the default where PACHD_ADDRESS is set; see
    ``fmnist.data.pachyderm.address`` for the variables that Pachyderm has.

    Raises:
        ConfigError: a variable has a value that cannot be used.
    """
    home = Path(environ.get("FMNIST_HOME") or PROJECT / ".fmnist").absolute()
    source = environ.get("FMNIST_SOURCE")
    return Settings(
        home=home,
        source=Path(source).absolute() if source else None,
        tracking_uri=_database(environ.get("FMNIST_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}"),
        gateway_port=_port(environ.get("FMNIST_GATEWAY_PORT") or "8080"),
        determined=_determined(environ),
        tracker=_engine(environ, "FMNIST_TRACKER", "mlflow", "wandb"),
        registry=_engine(environ, "FMNIST_REGISTRY", "mlflow"),
        in_trial="DET_TRIAL_ID" in environ,
        checkpoint_storage=environ.get("FMNIST_CHECKPOINT_STORAGE") or str(home / "artifacts" / "determined"),
        pachd=_pachd(environ),
    )


def _pachd(environ: Mapping[str, str]) -> Pachd | None:
    environ = {**_of_experiment(environ), **environ}
    name = environ.get("FMNIST_DATA_STORE") or ("pachyderm" if environ.get("PACHD_ADDRESS") else "dvc")
    if name not in ("dvc", "pachyderm"):
        raise ConfigError(f"FMNIST_DATA_STORE={name}: expected dvc or pachyderm")
    return address.from_environment(environ) if name == "pachyderm" else None


def user(environ: Mapping[str, str] = os.environ) -> str:
    """Who acts: the one who started GitLab's pipeline, else this machine's user."""
    return environ.get("GITLAB_USER_LOGIN") or getpass.getuser()


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ConfigError(f"FMNIST_GATEWAY_PORT={text}: expected a port number, 1-65535")
    return int(text)


def _of_experiment(environ: Mapping[str, str]) -> dict[str, str]:
    """Where a trial's experiment file says that Pachyderm is; Determined hands the file on as JSON."""
    config = json.loads(environ.get("DET_EXPERIMENT_CONFIG") or "{}")
    pachyderm = (config.get("integrations") or {}).get("pachyderm")
    if not pachyderm:
        return {}
    return {"PACHD_ADDRESS": f"grpc://{pachyderm['pachd']['host']}:{pachyderm['pachd']['port']}"}


def _determined(environ: Mapping[str, str]) -> DeterminedLogin | None:
    master = environ.get("DET_MASTER")
    if not master:
        return None
    return DeterminedLogin(master, environ.get("DET_USER") or "determined", environ.get("DET_PASS") or "")


def _engine(environ: Mapping[str, str], variable: str, *own: str) -> str:
    """Determined where there is a master, else the first of ``own``, unless the variable says otherwise."""
    name = environ.get(variable) or ("determined" if environ.get("DET_MASTER") else own[0])
    if name not in (*own, "determined"):
        raise ConfigError(f"{variable}={name}: expected {', '.join(own)} or determined")
    if name == "determined" and not environ.get("DET_MASTER"):
        raise ConfigError(f"{variable}=determined: set DET_MASTER to the address of a master, too")
    return name


def _database(address: str) -> str:
    """Postgres's own form of address, which SQLAlchemy 2.1 would take for a driver that is not locked."""
    for scheme in ("postgresql://", "postgres://"):
        if address.startswith(scheme):
            return f"postgresql+psycopg2://{address.removeprefix(scheme)}"
    return address


def data_store(settings: Settings) -> DataStore:
    """The engine that versions data."""
    if settings.pachd:
        from fmnist.data.pachyderm.connection import Connection
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
    from fmnist.data.dvc.place import open_place
    from fmnist.data.dvc.remote import DvcRemote
    from fmnist.data.dvc.store import DvcStore

    return DvcRemote(DvcStore(settings.data), open_place(remote, PROJECT / ".dvc"))


def data_head(settings: Settings, repo: str) -> Path:
    """The file that holds the id of a repo's newest commit, for tools that watch files.

    It follows every put into a repo of DVC's; for one of Pachyderm's it is right when this is called.
    """
    if settings.pachd:
        from fmnist.files import write_atomically

        file = settings.home / "heads" / repo
        write_atomically(file, f"{data_store(settings).get(repo).id}\n")
        return file
    from fmnist.data.dvc.store import DvcStore

    return DvcStore(settings.data).head_file(repo)


def data_feed(settings: Settings) -> CommitFeed:
    """What tells of commits that come."""
    if settings.pachd:
        from fmnist.data.pachyderm.connection import Connection
        from fmnist.data.pachyderm.feed import PachydermFeed

        return PachydermFeed(Connection(settings.pachd))
    return PolledFeed(data_store(settings))


def data_doctor(settings: Settings) -> "Doctor":
    """What finds and removes the faults that only a server has.

    Raises:
        ConfigError: data is not versioned by a server.
    """
    if not settings.pachd:
        raise ConfigError("data is versioned on this machine, by DVC; set PACHD_ADDRESS to look at a server")
    from fmnist.data.pachyderm.connection import Connection
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
    if settings.tracker == "determined" and settings.determined:
        from fmnist.training.determined.unmanaged import open_unmanaged

        login, storage = settings.determined, settings.checkpoint_storage
        return open_unmanaged(login, storage, experiment, name, job, study)
    if settings.tracker == "wandb":
        from fmnist.training.wandb import WandbRun

        return WandbRun.open(settings, experiment, name, job)
    from fmnist.training.mlflow import MlflowRun

    return MlflowRun.open(settings, experiment, name, job)


def experiments(settings: Settings) -> "Experiments":
    """The cluster that runs experiments.

    Raises:
        ConfigError: none is known.
    """
    from fmnist.training.determined.experiments import DeterminedExperiments

    if settings.determined is None:
        raise ConfigError("set DET_MASTER, DET_USER and DET_PASS to reach a Determined master")
    return DeterminedExperiments(settings.determined)


def open_trial(settings: Settings) -> "AbstractContextManager[Trial]":
    """The trial that a cluster started this process for."""
    from fmnist.training.determined.trial import open_trial as open_determined_trial

    return open_determined_trial()


def for_each_slot(settings: Settings) -> None:
    """In a trial with several slots: return in the process of each; the one that started them ends."""
    from fmnist.training.determined.trial import for_each_slot as for_each_slot_of_determined

    for_each_slot_of_determined()


def model_registry(settings: Settings) -> ModelRegistry:
    """The engine that keeps model versions."""
    if settings.registry == "determined":
        from fmnist.registry.determined import DeterminedRegistry

        return DeterminedRegistry(settings)
    from fmnist.registry.mlflow import MlflowRegistry

    return MlflowRegistry(settings)


def champion(settings: Settings, model: str) -> int | None:
    """The number of the version that serves; None before the first promotion.

    Where the promotion log is not at hand, as in a cluster's pod, its mirror in Determined's registry says.
    """
    from fmnist.promotion.log import PromotionLog

    serving = PromotionLog(settings.promotions, model).read().champion
    if serving or not settings.determined or settings.registry != "determined":
        return serving.version if serving else None
    from fmnist.registry.determined.champion import mirrored_champion

    return mirrored_champion(settings.determined, model)


def pipeline_server(settings: Settings) -> "PipelineServer":
    """What runs pipelines.

    Raises:
        ConfigError: none is known.
    """
    if settings.pachd is None:
        raise ConfigError("pipelines run in Pachyderm; set PACHD_ADDRESS to the address of a server")
    from fmnist.data.pachyderm.connection import Connection
    from fmnist.pipelines.pachyderm import PachydermPipelines

    return PachydermPipelines(Connection(settings.pachd))


def platform(settings: Settings) -> Platform:
    """The engine that serves."""
    from fmnist.deployment.local import LocalPlatform

    return LocalPlatform(settings)
