"""Settings, read once from the environment at the edge."""

import getpass
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fmnist.errors import ConfigError
from fmnist.settings import pachd as address
from fmnist.settings.pachd import Pachd

PROJECT = Path(__file__).resolve().parent.parent.parent
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
    ``fmnist.settings.pachd`` for the variables that Pachyderm has.

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
