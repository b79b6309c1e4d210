"""``deploy/deploy.yaml``: the SeldonDeployment that a cluster gets is the configuration here too.

Seldon's own fields follow its 1.17.1 schema as far as this project uses it, and an unknown one is
an error; pods and containers are Kubernetes' and are read for what a single machine needs.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from fmnist.errors import ConfigError
from fmnist.files.documents import Document, read_document

_NAME = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
_REST_TIMEOUT = "seldon.io/rest-timeout"


class _Strict(Document):
    model_config = ConfigDict(alias_generator=to_camel)


class _Read(_Strict):
    model_config = ConfigDict(extra="ignore")


class Variable(_Strict):
    """An environment variable; a single machine has no secrets or config maps to take it from."""

    name: str
    value: str


class Parameter(_Strict):
    """An argument of the wrapper class, as Seldon hands it over: a text and the type it becomes."""

    name: str
    type: Literal["STRING", "INT", "FLOAT", "DOUBLE", "BOOL"]
    value: str


class Container(_Read):
    """One container of the pod."""

    name: str
    image: str
    env: tuple[Variable, ...] = ()


class Pod(_Read):
    """The pod of a component."""

    containers: tuple[Container, ...] = Field(min_length=1)
    termination_grace_period_seconds: int = Field(default=20, ge=0)


class Component(_Strict):
    """A pod and how it scales."""

    spec: Pod
    metadata: Mapping[str, Any] = {}
    hpa_spec: Mapping[str, Any] | None = None
    keda_spec: Mapping[str, Any] | None = None
    pdb_spec: Mapping[str, Any] | None = None
    replicas: int | None = Field(default=None, ge=0)


class Graph(_Strict):
    """The inference graph: one model."""

    name: str = Field(pattern=_NAME)
    type: Literal["MODEL"]
    parameters: tuple[Parameter, ...] = ()


class Predictor(_Strict):
    """A version's pods and their share of traffic in percent, 0-100."""

    name: str = Field(pattern=_NAME)
    replicas: int = Field(default=1, ge=0)
    traffic: int = Field(default=100, ge=0, le=100)
    shadow: bool = False
    annotations: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    progress_deadline_seconds: int | None = None
    graph: Graph
    component_specs: tuple[Component, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _graph_has_a_container(self) -> "Predictor":
        names = [container.name for container in self._containers()]
        if self.graph.name not in names:
            raise ValueError(f"graph.name is {self.graph.name}, but the containers are {', '.join(names)}")
        return self

    @property
    def container(self) -> Container:
        """The container that serves the graph."""
        return next(container for container in self._containers() if container.name == self.graph.name)

    @property
    def grace_seconds(self) -> int:
        """How long a pod may go on answering after it was told to end."""
        return next(
            component.spec.termination_grace_period_seconds
            for component in self.component_specs
            if self.container in component.spec.containers
        )

    def _containers(self) -> list[Container]:
        return [container for component in self.component_specs for container in component.spec.containers]


class Names(_Strict):
    """What the deployment is called; both names are in its address."""

    name: str = Field(pattern=_NAME, max_length=63)
    namespace: str = Field(default="default", pattern=_NAME, max_length=63)
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class Spec(_Strict):
    """What the operator makes true."""

    name: str | None = None
    protocol: Literal["seldon"] = "seldon"
    annotations: Mapping[str, str] = {}
    predictors: tuple[Predictor, ...] = Field(min_length=1)


class SeldonDeployment(_Strict):
    """A validated manifest."""

    api_version: Literal["machinelearning.seldon.io/v1"]
    kind: Literal["SeldonDeployment"]
    metadata: Names
    spec: Spec

    @model_validator(mode="after")
    def _consistent(self) -> "SeldonDeployment":
        names = [predictor.name for predictor in self.spec.predictors]
        if len(set(names)) < len(names):
            raise ValueError(f"spec.predictors: names must differ, they are {', '.join(names)}")
        total = sum(predictor.traffic for predictor in self.spec.predictors if not predictor.shadow)
        if total != 100:
            raise ValueError(f"spec.predictors: traffic must sum to 100, it is {total}")
        timeout = self.spec.annotations.get(_REST_TIMEOUT, "1000")
        if not timeout.isdecimal() or int(timeout) < 1000:
            raise ValueError(f"spec.annotations.{_REST_TIMEOUT}: expected milliseconds >= 1000, is {timeout}")
        return self

    @property
    def predictor(self) -> Predictor:
        """The first predictor: the one whose pod a single machine imitates."""
        return self.spec.predictors[0]

    @property
    def path(self) -> str:
        """Where a gateway serves it; no slash at the end."""
        return f"/seldon/{self.metadata.namespace}/{self.metadata.name}"

    @property
    def timeout_seconds(self) -> float | None:
        """How long a REST request may take; None is for ever."""
        milliseconds = self.spec.annotations.get(_REST_TIMEOUT)
        return int(milliseconds) / 1000 if milliseconds else None

    def environment(self, replaced: Mapping[str, str]) -> dict[str, str]:
        """The container's variables, with those of Seldon's operator that do not name a port.

        ``replaced`` are values by parameter name that differ from the manifest's.

        Raises:
            ConfigError: the graph has no such parameter.
        """
        predictor = self.predictor
        parameters = predictor.graph.parameters
        missing = sorted(set(replaced) - {parameter.name for parameter in parameters})
        if missing:
            raise ConfigError(f"{self.metadata.name}: the graph has no parameter {', '.join(missing)}")
        given = [
            {"name": one.name, "type": one.type, "value": replaced.get(one.name, one.value)}
            for one in parameters
        ]
        return {
            **{variable.name: variable.value for variable in predictor.container.env},
            "PREDICTIVE_UNIT_PARAMETERS": json.dumps(given),
            "PREDICTIVE_UNIT_ID": predictor.graph.name,
            "PREDICTIVE_UNIT_IMAGE": predictor.container.image,
            "PREDICTIVE_UNIT_METRICS_ENDPOINT": "/prometheus",
            "PREDICTOR_ID": predictor.name,
            "SELDON_DEPLOYMENT_ID": self.metadata.name,
        }


def load_manifest(path: Path) -> SeldonDeployment:
    """Read and validate a SeldonDeployment.

    Raises:
        ConfigError: the file cannot be read, or a field is wrong; names file and field.
    """
    return read_document(path, SeldonDeployment, "a manifest")
