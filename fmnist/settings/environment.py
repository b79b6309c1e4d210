"""Every environment variable that decides something: its field, its meaning, its default."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import (
    AliasChoices,
    AliasGenerator,
    Field,
    Json,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from fmnist.core.machine import complete_user, name_user
from fmnist.errors import ConfigError
from fmnist.settings.pachd_address import PROXIES, Pachd, server, socks_proxy
from fmnist.settings.types import (
    AnyPath,
    Database,
    DataEngine,
    Folder,
    Port,
    Registry,
    Storage,
    Tracker,
    sqlite_address,
)

PROJECT = Path(__file__).resolve().parent.parent.parent
"""The checkout: where the experiment files, ``deploy/`` and ``.venv-serve`` are."""


@dataclass(frozen=True)
class DeterminedLogin:
    """Address of a Determined master, and the user who logs in there."""

    master: str
    user: str
    password: str = field(repr=False)


def _of_experiment(config: dict[str, Any] | None) -> str | None:
    """Address of the Pachyderm server that a trial's experiment file names."""
    server = ((config or {}).get("integrations") or {}).get("pachyderm")
    return f"grpc://{server['pachd']['host']}:{server['pachd']['port']}" if server else None


class Settings(BaseSettings):
    """All that the environment decides, each field by the variable of its name after ``FMNIST_``.

    Those that belong to Determined, Pachyderm or Kubernetes keep the names that they have there. A
    variable that is set and empty counts as unset.

        >>> from fmnist import Settings
        >>> Settings(home="elsewhere", gateway_port=9000).gateway
        'http://127.0.0.1:9000'
    """

    model_config = SettingsConfigDict(
        alias_generator=AliasGenerator(validation_alias=lambda name: f"FMNIST_{name.upper()}"),
        case_sensitive=True,
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    home: Folder = PROJECT / ".fmnist"
    """Folder with all state of the embedded engines."""

    source: AnyPath | None = None
    """Folder with the raw files of Fashion-MNIST; unset, the usual places are searched."""

    tracking_uri: Database = Field(
        default_factory=lambda given: sqlite_address(given["home"] / "mlflow.db"), repr=False
    )
    """MLflow's database, SQLite or Postgres; by default ``mlflow.db`` in FMNIST_HOME."""

    catalogue_uri: Database = Field(
        default_factory=lambda given: sqlite_address(given["home"] / "catalogue.db"), repr=False
    )
    """Database of the promotions, SQLite or Postgres; by default ``catalogue.db`` in FMNIST_HOME."""

    gateway_port: Port = 8080
    """Port of the gateway on 127.0.0.1, 1-65535."""

    det_master: str | None = Field(None, validation_alias="DET_MASTER")
    """Address of a Determined master."""

    det_user: str = Field("determined", validation_alias="DET_USER")
    """User who logs in at DET_MASTER."""

    det_pass: SecretStr = Field(SecretStr(""), validation_alias="DET_PASS")
    """Password of DET_USER."""

    det_trial_id: str | None = Field(None, validation_alias="DET_TRIAL_ID")
    """Number of the trial that Determined started this process for; set by Determined."""

    det_experiment_config: Json[dict[str, Any]] | None = Field(
        None, validation_alias="DET_EXPERIMENT_CONFIG", repr=False
    )
    """The trial's experiment file as JSON, which may name a Pachyderm server; set by Determined."""

    tracker: Tracker = Field(
        default_factory=lambda given: Tracker.DETERMINED if given["det_master"] else Tracker.MLFLOW
    )
    """Engine that records runs: mlflow, wandb or determined; by default determined if DET_MASTER is set."""

    registry: Registry = Field(
        default_factory=lambda given: Registry.DETERMINED if given["det_master"] else Registry.MLFLOW
    )
    """Engine that keeps model versions: mlflow or determined; by default determined if DET_MASTER is set."""

    checkpoint_storage: Storage = Field(
        default_factory=lambda given: str(given["home"] / "artifacts/determined")
    )
    """Storage of checkpoints that this machine trains or registers at Determined: a folder, s3:// or gs://."""

    pachd_address: str | None = Field(
        default_factory=lambda given: _of_experiment(given["det_experiment_config"]),
        validation_alias="PACHD_ADDRESS",
        repr=False,
    )
    """Pachyderm server, grpc://HOST:PORT or with TLS grpcs://HOST:PORT."""

    pachd_ca_file: str | None = Field(None, validation_alias="PACHD_CA_FILE")
    """Certificate authorities (PEM) that the server's certificate is checked against."""

    pach_python_auth_token: SecretStr | None = Field(None, validation_alias="PACH_PYTHON_AUTH_TOKEN")
    """Token for a Pachyderm server with authentication."""

    pachd_peer_service_host: str | None = Field(None, validation_alias="PACHD_PEER_SERVICE_HOST")
    """Pachyderm server of the cluster that this pod runs in; set by Kubernetes."""

    pachd_peer_service_port: str | None = Field(None, validation_alias="PACHD_PEER_SERVICE_PORT")
    """Port of that server; set by Kubernetes."""

    socks_proxy: str | None = Field(None, validation_alias=AliasChoices(*PROXIES), repr=False)
    """SOCKS proxy that other clients use; gRPC, and so Pachyderm, cannot."""

    data_store: DataEngine = Field(
        default_factory=lambda given: DataEngine.PACHYDERM if given["pachd_address"] else DataEngine.DVC
    )
    """Engine that versions data: dvc or pachyderm; by default pachyderm if PACHD_ADDRESS is set."""

    data_repo: str | None = None
    """Data repo of FMNIST_DATA_COMMIT; set by ``fmnist data watch`` for the command that it runs."""

    data_commit: str | None = None
    """Data commit that trainings read instead of the newest; set by ``fmnist data watch``."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_others: PydanticBaseSettingsSource,
        **_named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments alone: ``from_environment`` is where the environment is read."""
        return (init_settings,)

    @model_validator(mode="after")
    def _check(self) -> "Settings":
        for variable, engine in (("FMNIST_TRACKER", self.tracker), ("FMNIST_REGISTRY", self.registry)):
            if engine == "determined" and not self.det_master:
                raise ConfigError(f"{variable}=determined: set DET_MASTER to the address of a master as well")
        _ = self.pachd
        return self

    @property
    def determined(self) -> DeterminedLogin | None:
        """Login at the Determined master; None without one."""
        if not self.det_master:
            return None
        return DeterminedLogin(self.det_master, self.det_user, self.det_pass.get_secret_value())

    @property
    def pachd(self) -> Pachd | None:
        """Pachyderm server that versions data; None where DVC does.

        Without PACHD_ADDRESS it is that of a pod's own cluster, else a forwarded port of this machine.
        """
        if self.data_store is not DataEngine.PACHYDERM:
            return None
        host, port = self.pachd_peer_service_host, self.pachd_peer_service_port
        in_cluster = f"grpc://{host}:{port}" if host and port else None
        token = self.pach_python_auth_token
        return server(
            self.pachd_address or in_cluster,
            self.pachd_ca_file,
            token.get_secret_value() if token else None,
            self.socks_proxy,
        )

    @property
    def in_trial(self) -> bool:
        """Whether Determined started this process as a trial."""
        return self.det_trial_id is not None

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
    """Read the settings; from this process's own environment, also complete its user's name and home.

    Raises:
        ConfigError: a variable has a value that cannot be used.
    """
    source = EnvSettingsSource(Settings)
    source.env_vars = {name: value for name, value in environ.items() if value and name not in PROXIES}
    try:
        settings = Settings(**{**source(), "socks_proxy": socks_proxy(environ)})
    except ValidationError as error:
        mistakes = [_mistake(each) for each in error.errors() if each["type"] != "default_factory_not_called"]
        raise ConfigError("\n".join(mistakes)) from None
    if environ is os.environ:
        complete_user(settings.home)
    return settings


def variables() -> dict[str, str]:
    """Every variable that ``Settings`` reads, with what it means."""
    return {
        variable: fact.description or ""
        for fact in Settings.model_fields.values()
        for variable in _variables(fact)
    }


def _variables(fact: FieldInfo) -> tuple[str, ...]:
    alias = fact.validation_alias
    return tuple(map(str, alias.choices)) if isinstance(alias, AliasChoices) else (str(alias),)


def _mistake(error: ErrorDetails) -> str:
    """One line: variable, value, what is expected instead."""
    variable, expected = error["loc"][0], error["msg"].removeprefix("Value error, ")
    if error["type"] == "enum":
        expected = f"expected {error['ctx']['expected'].replace(chr(39), '')}"
    if error["type"] == "json_invalid":
        return f"{variable}: {expected}"
    return f"{variable}={error['input']}: {expected}"


def user(environ: Mapping[str, str] = os.environ) -> str:
    """The user who started GitLab's pipeline, else this machine's user."""
    name_user()
    return environ.get("GITLAB_USER_LOGIN") or getpass.getuser()
