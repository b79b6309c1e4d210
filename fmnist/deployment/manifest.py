"""``deploy/deploy.yaml``: the SeldonDeployment of a cluster, which also configures a single machine.

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
from fmnist.files.documents import Document
from fmnist.files.yaml_files import read_document

_NAME = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
_REST_TIMEOUT = "seldon.io/rest-timeout"


class _Section(Document):
    model_config = ConfigDict(alias_generator=to_camel)


class Variable(_Section):
    """An environment variable; a single machine has no secrets or config maps to take it from."""

    name: str
    value: str


class Parameter(_Section):
    """An argument of the wrapper class: its value as text, and the type that Seldon converts it to."""

    name: str
    type: Literal["STRING", "INT", "FLOAT", "DOUBLE", "BOOL"]
    value: str


class Container(_Section):
    """A container of the pod."""

    model_config = ConfigDict(extra="ignore")

    name: str
    image: str
    env: tuple[Variable, ...] = ()


class Pod(_Section):
    """The pod of a component."""

    model_config = ConfigDict(extra="ignore")

    containers: tuple[Container, ...] = Field(min_length=1)
    termination_grace_period_seconds: int = Field(default=20, ge=0)


class Component(_Section):
    """A pod and how it scales."""

    spec: Pod
    metadata: Mapping[str, Any] = {}
    hpa_spec: Mapping[str, Any] | None = None
    keda_spec: Mapping[str, Any] | None = None
    pdb_spec: Mapping[str, Any] | None = None
    replicas: int | None = Field(default=None, ge=0)


class Graph(_Section):
    """The inference graph: one model."""

    name: str = Field(pattern=_NAME)
    type: Literal["MODEL"]
    parameters: tuple[Parameter, ...] = ()


class PredictorSpec(_Section):
    """A version's pods, and in ``traffic`` their share of it in percent, 0-100."""

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
    def _graph_has_a_container(self) -> "PredictorSpec":
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
        """Seconds that a pod may take to end after SIGTERM."""
        return next(
            component.spec.termination_grace_period_seconds
            for component in self.component_specs
            if self.container in component.spec.containers
        )

    def _containers(self) -> list[Container]:
        return [container for component in self.component_specs for container in component.spec.containers]


class Names(_Section):
    """Names and labels of the deployment; ``name`` and ``namespace`` make its address."""

    name: str = Field(pattern=_NAME, max_length=63)
    namespace: str = Field(default="default", pattern=_NAME, max_length=63)
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class Spec(_Section):
    """Desired state, which Seldon's operator brings about."""

    name: str | None = None
    protocol: Literal["seldon"] = "seldon"
    annotations: Mapping[str, str] = {}
    predictors: tuple[PredictorSpec, ...] = Field(min_length=1)


class SeldonDeployment(_Section):
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
    def predictor(self) -> PredictorSpec:
        """The first predictor, whose pod a single machine imitates."""
        return self.spec.predictors[0]

    @property
    def path(self) -> str:
        """Path at the gateway; no slash at the end."""
        return f"/seldon/{self.metadata.namespace}/{self.metadata.name}"

    @property
    def timeout_seconds(self) -> float | None:
        """Time limit of a REST request; None if there is none."""
        milliseconds = self.spec.annotations.get(_REST_TIMEOUT)
        return int(milliseconds) / 1000 if milliseconds else None

    def environment(self, replaced: Mapping[str, str]) -> dict[str, str]:
        """The container's variables, and those that Seldon's operator adds, but for its ports.

        Args:
            replaced: values by parameter name, instead of the manifest's.

        Raises:
            ConfigError: the graph has no such parameter.
        """
        predictor = self.predictor
        parameters = predictor.graph.parameters
        missing = sorted(set(replaced) - {parameter.name for parameter in parameters})
        if missing:
            raise ConfigError(f"{self.metadata.name}: the graph has no parameter {', '.join(missing)}")
        given = [
            {**parameter.model_dump(), "value": replaced.get(parameter.name, parameter.value)}
            for parameter in parameters
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
