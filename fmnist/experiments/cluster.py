"""The parts of an experiment file that only a cluster reads; checked here, so that it will take them."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, field_validator, model_validator

from fmnist.experiments.section import Section
from fmnist.files.documents import chosen_by

Free = Mapping[str, Any]
"""A mapping that Determined hands on, or one that has no place in this project's files."""

_MEMORY_SIZE = re.compile(r"([0-9]*[.])?[0-9]+ ?(([kmgtp](i?b)?)|b)?", re.IGNORECASE)
_DEVICES = frozenset({"cpu", "cuda", "rocm", "gpu"})


class Environment(Section):
    """The container that a trial runs in."""

    image: str | Free | None = None
    environment_variables: tuple[str, ...] | Free = ()
    proxy_ports: tuple[Free, ...] = ()
    ports: Mapping[str, StrictInt] = {}
    force_pull_image: StrictBool = False
    registry_auth: Free | None = Field(default=None, repr=False)
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    pod_spec: Free | None = None

    @field_validator("image", mode="before")
    @classmethod
    def _image(cls, value: Any) -> Any:
        by_device = isinstance(value, Mapping) and value.keys() <= _DEVICES
        if not (isinstance(value, str) or by_device):
            raise ValueError("expected a text, or a mapping of cpu, cuda or rocm to texts")
        return value

    @field_validator("environment_variables", mode="before")
    @classmethod
    def _variables(cls, value: Any) -> Any:
        lists = list(value.values()) if isinstance(value, Mapping) and value.keys() <= _DEVICES else [value]
        if not all(isinstance(texts, list) and all(isinstance(t, str) for t in texts) for texts in lists):
            raise ValueError(
                "expected a list of texts such as [NAME=value], or such a list each for cpu, cuda or rocm"
            )
        return value


class BindMount(Section):
    """A folder of the machine that a trial sees."""

    host_path: str
    container_path: str
    read_only: StrictBool = False
    propagation: str = "rprivate"

    @model_validator(mode="after")
    def _paths(self) -> Self:
        if not self.host_path.startswith("/"):
            raise ValueError(f"host_path {self.host_path} must be an absolute path")
        if self.container_path == ".":
            raise ValueError('container_path must not be "."')
        return self


class _Storage(Section):
    save_experiment_best: StrictInt = Field(default=0, ge=0)
    save_trial_best: StrictInt = Field(default=1, ge=0)
    save_trial_latest: StrictInt = Field(default=1, ge=0)


class SharedFolder(_Storage):
    """Checkpoints in a folder that all agents have."""

    type: Literal["shared_fs"]
    host_path: str
    storage_path: str | None = None
    propagation: str = "rprivate"
    container_path: str | None = None
    checkpoint_path: str | None = None
    tensorboard_path: str | None = None

    @model_validator(mode="after")
    def _inside(self) -> Self:
        path = PurePosixPath(self.storage_path or "")
        if ".." in path.parts or (path.is_absolute() and not path.is_relative_to(self.host_path)):
            raise ValueError(f"storage_path {path} must be below host_path {self.host_path}")
        return self


class Directory(_Storage):
    """Checkpoints in a folder of the container."""

    type: Literal["directory"]
    container_path: str


class S3(_Storage):
    """Checkpoints in a bucket of S3 or of what speaks like it."""

    type: Literal["s3"]
    bucket: str
    access_key: str | None = Field(default=None, repr=False)
    secret_key: str | None = Field(default=None, repr=False)
    endpoint_url: str | None = None
    prefix: str | None = None


class Gcs(_Storage):
    """Checkpoints in a bucket of Google's."""

    type: Literal["gcs"]
    bucket: str
    prefix: str | None = None


class Azure(_Storage):
    """Checkpoints in a container of Azure's."""

    type: Literal["azure"]
    container: str
    connection_string: str | None = Field(default=None, repr=False)
    account_url: str | None = None
    credential: str | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.connection_string is None) == (self.account_url is None):
            raise ValueError("expected exactly one of connection_string and account_url")
        return self


CheckpointStorage = Annotated[
    SharedFolder | Directory | S3 | Gcs | Azure, chosen_by("type", SharedFolder, Directory, S3, Gcs, Azure)
]


class Pachd(Section):
    """Where Pachyderm is."""

    host: str
    port: StrictInt


class Proxy(Section):
    """Where Pachyderm's console is."""

    scheme: str
    host: str
    port: StrictInt


class PachydermDataset(Section):
    """The commit that is trained on; ``token`` may be empty."""

    project: str
    repo: str
    commit: str
    branch: str
    token: str = Field(repr=False)


class Pachyderm(Section):
    """The data's origin; the web UI links to it. All of its keys are required."""

    pachd: Pachd
    proxy: Proxy
    dataset: PachydermDataset


class Integrations(Section):
    """Systems beside Determined."""

    pachyderm: Pachyderm | None = None
    webhooks: Free | None = None


class Resources(Section):
    """What a trial gets on the cluster."""

    slots_per_trial: StrictInt = Field(default=1, ge=0)
    slots: StrictInt | None = None
    max_slots: StrictInt | None = None
    weight: StrictFloat = 1
    priority: StrictInt | None = Field(default=None, ge=1, le=99)
    resource_pool: str = ""
    shm_size: int | str | None = None
    is_single_node: StrictBool | None = None
    devices: tuple[Free, ...] = ()
    native_parallel: StrictBool = False
    agent_label: str | None = None

    @field_validator("shm_size", mode="before")
    @classmethod
    def _memory_size(cls, value: Any) -> Any:
        if isinstance(value, bool) or not _MEMORY_SIZE.fullmatch(str(value)):
            raise ValueError("expected a memory size such as 2G")
        return value


class Profiling(Section):
    """Determined's profiler."""

    enabled: StrictBool = False
    begin_on_batch: StrictInt = Field(default=0, ge=0)
    end_after_batch: StrictInt | None = Field(default=None, ge=0)
    sync_timings: StrictBool = True


class RetentionPolicy(Section):
    """How long the master keeps logs."""

    log_retention_days: StrictInt = Field(ge=-1, le=32767)
