"""A pipeline spec: what ``pachctl create pipeline -f`` takes, and what pachd should have refused.

Field names and types follow Pachyderm 2.12's CreatePipelineRequest. pachd accepts many a spec whose
pods then never start, or that means something else; here these are errors, too.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StrictBool, StrictInt, ValidationInfo, field_validator

from fmnist.retraining.pachyderm.inputs import Input
from fmnist.retraining.pachyderm.part import Part
from fmnist.retraining.pachyderm.resources import Resources
from fmnist.retraining.pachyderm.transform import Transform

ANNOTATIONS = "fmnist."
"""What the annotations that ``apply`` writes begin with."""

_LONGEST_NAME = 51
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SECONDS = re.compile(r"\d+(\.\d{1,9})?s")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
# src/internal/obj/url.go
_STORAGES = ("azblob", "gs", "minio", "s3", "wasb")
_PATCHES = ("add", "copy", "move", "remove", "replace", "test")


def _pipeline_name(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"is {len(name)} characters long, at most {_LONGEST_NAME} can be")
    if not _NAME.fullmatch(name):
        raise ValueError("expected lower-case letters, digits and dashes: it becomes the name of a pod")
    return name


def _duration(text: str) -> str:
    if not _SECONDS.fullmatch(text) or not float(text[:-1]):
        raise ValueError('expected seconds such as "7200s"')
    return text


def _storage(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in _STORAGES or not parts.netloc:
        raise ValueError(f"expected SCHEME://BUCKET/FOLDER with one of {', '.join(_STORAGES)}")
    return url


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from error


def _patch(text: str) -> str:
    """JSON Patch, RFC 6902; whether it applies only pachd sees."""
    patch = _json(text)
    if not isinstance(patch, list):
        raise ValueError('expected a JSON patch: [{"op": "add", "path": "/...", "value": ...}, ...]')
    for step in patch:
        known = isinstance(step, dict) and step.get("op") in _PATCHES
        if not known or not str(step.get("path", "")).startswith("/"):
            raise ValueError(f"{step!r:.80} is no step of a JSON patch: it needs op and path")
    return text


def _object(text: str) -> str:
    if not isinstance(_json(text), dict):
        raise ValueError("expected a JSON object")
    return text


Duration = Annotated[str, AfterValidator(_duration)]
Storage = Annotated[str, AfterValidator(_storage)]


class Project(Part):
    """A project is a namespace of repos and pipelines; fmnist uses the one that is always there."""

    name: Literal["default"]


class Name(Part):
    """What the pipeline is called, and its output repo."""

    name: Annotated[str, AfterValidator(_pipeline_name)]
    project: Project | None = None


class Parallelism(Part):
    """How many workers."""

    constant: StrictInt = Field(ge=1)


class Metadata(Part):
    """Labels and annotations of the pods."""

    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}

    @field_validator("labels")
    @classmethod
    def _free(cls, labels: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in labels.items():
            if name == "app":
                raise ValueError('pachd overwrites "app" with "pipeline"; choose another key')
            if not _LABEL.fullmatch(value):
                raise ValueError(f"{name}: {value!r} is no value of a label")
        return labels

    @field_validator("annotations")
    @classmethod
    def _not_ours(cls, annotations: Mapping[str, str]) -> Mapping[str, str]:
        for name in annotations:
            if name.startswith(ANNOTATIONS):
                raise ValueError(f"{name}: keys that begin with {ANNOTATIONS} are written by apply")
        return annotations


class ObjectStorage(Part):
    """Where results are copied to."""

    url: Storage


class DatabaseSecret(Part):
    """The key of a Kubernetes secret that holds the database's password."""

    name: str = Field(min_length=1)
    key: str = Field(min_length=1)


class FileFormat(Part):
    """How rows stand in files."""

    type: Literal["CSV", "JSON", "PARQUET"]
    columns: tuple[str, ...] = ()


class Database(Part):
    """A database that results go to."""

    url: str = Field(min_length=1)
    file_format: FileFormat
    secret: DatabaseSecret


class Egress(Part):
    """Where results are copied to after a job; ``URL`` is the older form of object_storage."""

    URL: Storage | None = None
    object_storage: ObjectStorage | None = None
    sql_database: Database | None = None


class Service(Part):
    """A pipeline that answers on a port."""

    internal_port: StrictInt = Field(ge=1, le=65535)
    external_port: StrictInt | None = Field(default=None, ge=1, le=65535)
    ip: str | None = None
    type: Literal["ClusterIP", "LoadBalancer", "NodePort"]


class Spout(Part):
    """A pipeline that goes on by itself."""

    service: Service | None = None


class DatumSet(Part):
    """How datums are handed to workers."""

    number: StrictInt | None = Field(default=None, ge=1)
    size_bytes: StrictInt | None = Field(default=None, ge=1)
    per_worker: StrictInt | None = Field(default=None, ge=1)


class Scheduling(Part):
    """On which nodes the pods may run."""

    node_selector: Mapping[str, str] = {}
    priority_class_name: str | None = None


class Toleration(Part):
    """A taint that the pods put up with."""

    key: str | None = None
    operator: Literal["EXISTS", "EQUAL"] | None = None
    value: str | None = None
    effect: Literal["ALL_EFFECTS", "NO_SCHEDULE", "PREFER_NO_SCHEDULE", "NO_EXECUTE"] | None = None
    toleration_seconds: StrictInt | None = None


class PipelineSpec(Part):
    """A validated spec. ``input`` is None for a spout without a service only."""

    pipeline: Name
    description: str | None = None
    metadata: Metadata = Metadata()
    transform: Transform
    service: Service | None = None
    spout: Spout | None = None
    input: Input | None = Field(default=None, validate_default=True)
    parallelism_spec: Parallelism | None = None
    autoscaling: StrictBool = False
    datum_set_spec: DatumSet | None = None
    datum_timeout: Duration | None = None
    job_timeout: Duration | None = None
    datum_tries: int | None = Field(default=None, ge=1)
    reprocess_spec: Literal["until_success", "every_job"] | None = None
    salt: str | None = None
    output_branch: str | None = Field(default=None, min_length=1)
    s3_out: StrictBool = False
    egress: Egress | None = None
    resource_requests: Resources = Resources()
    resource_limits: Resources = Resources()
    sidecar_resource_requests: Resources = Resources()
    sidecar_resource_limits: Resources = Resources()
    scheduling_spec: Scheduling | None = None
    tolerations: tuple[Toleration, ...] = ()
    pod_spec: Annotated[str, AfterValidator(_object)] | None = None
    pod_patch: Annotated[str, AfterValidator(_patch)] | None = None

    @field_validator("input")
    @classmethod
    def _fed(cls, value: Input | None, info: ValidationInfo) -> Input | None:
        spout = info.data.get("spout")
        if value is None and spout is None:
            raise ValueError("is missing, so nothing would ever start a job")
        if value is not None and spout is not None and spout.service is None:
            raise ValueError("a spout without a service must not have an input")
        return value

    @field_validator("parallelism_spec")
    @classmethod
    def _one_service(cls, value: Parallelism | None, info: ValidationInfo) -> Parallelism | None:
        if value and info.data.get("service") and value.constant != 1:
            raise ValueError("a service runs with a constant of 1 only")
        return value

    @field_validator("autoscaling")
    @classmethod
    def _is_triggered(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("spout"):
            raise ValueError("goes with no spout, because nothing triggers one")
        return value

    @field_validator("s3_out")
    @classmethod
    def _ends(cls, value: bool, info: ValidationInfo) -> bool:
        if value and (info.data.get("service") or info.data.get("spout")):
            raise ValueError("goes with neither service nor spout")
        return value

    @field_validator("resource_limits", "sidecar_resource_limits")
    @classmethod
    def _above_requests(cls, limits: Resources, info: ValidationInfo) -> Resources:
        requests = info.data.get(str(info.field_name).replace("limits", "requests"))
        if requests and (found := requests.above(limits)):
            raise ValueError("; ".join(found))
        return limits

    @property
    def name(self) -> str:
        return self.pipeline.name
