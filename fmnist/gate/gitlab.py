"""GitLab pipelines: one for each model version, and the variables that a pipeline may set."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from fmnist.clients.gitlab import GitlabProject, Pipeline
from fmnist.errors import ConfigError, FmnistError
from fmnist.files.documents import parse_record
from fmnist.files.lock import only_writer
from fmnist.registry.base import ModelRegistry, ModelVersion

ANNOTATION = "fmnist.pipeline"
_LOCK_SECONDS = 300.0
_USER_SOURCES = ("web", "schedule")
"""Sources of pipelines that, on a protected branch, only users who may also change it can start."""


def pipeline_of(version: ModelVersion) -> Pipeline | None:
    """The pipeline that was started for the version, if any.

    Raises:
        IntegrityError: the version's annotation is no pipeline.
    """
    text = version.annotations.get(ANNOTATION)
    if text is None:
        return None
    return parse_record(text, Pipeline, f"version {version.number} of {version.model}, {ANNOTATION}")


class Pipelines:
    """Starts pipelines in a GitLab project and records them with their versions."""

    def __init__(self, registry: ModelRegistry, project: GitlabProject, folder: Path) -> None:
        """``folder`` holds the lock shared by all processes of this machine that start pipelines."""
        self._registry = registry
        self._project = project
        self._lock = folder / ".lock"

    def ensure(self, version: ModelVersion) -> ModelVersion:
        """The version with its pipeline, which is started if there is none yet.

        If the process is killed between GitLab's response and the record, the next call starts a second
        pipeline, and the gate gives the same verdict twice.

        Raises:
            ConfigError: GitLab rejects the request.
            UnavailableError: GitLab or the registry could not be reached.
        """
        with only_writer(self._lock, _LOCK_SECONDS, f"the pipelines of {version.model}"):
            current = self._registry.get(version.model, version.number)
            if pipeline_of(current):
                return current
            pipeline = self._start(current)
            return self._recorded(current, pipeline)

    def _start(self, version: ModelVersion) -> Pipeline:
        variables = {"MODEL_NAME": version.model, "MODEL_VERSION": str(version.number)}
        try:
            return self._project.trigger(variables)
        except FmnistError as error:
            raise type(error)(
                f"version {version.number} of {version.model} is registered, but has no pipeline: {error}"
            ) from error

    def _recorded(self, version: ModelVersion, pipeline: Pipeline) -> ModelVersion:
        try:
            return self._registry.annotate(version, ANNOTATION, json.dumps(asdict(pipeline)))
        except FmnistError as error:
            raise type(error)(
                f"pipeline {pipeline.url} of version {version.number} of {version.model} is started, "
                f"but could not be recorded: {error}"
            ) from error


def is_merge_request(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this job belongs to a merge request's pipeline."""
    return environ.get("CI_PIPELINE_SOURCE") == "merge_request_event"


def check_variables(environ: Mapping[str, str] = os.environ) -> None:
    """Reject GATE_POLICY in CI, and GATE_OVERRIDE unless a user started the pipeline.

    Outside CI both are allowed: such a verdict is signed by the machine's own key.

    Raises:
        ConfigError: one is set; the message says which, and who may set it.
    """
    source = environ.get("CI_PIPELINE_SOURCE")
    if not source:
        return
    if environ.get("GATE_POLICY"):
        raise ConfigError(
            "GATE_POLICY is set in a pipeline, which applies the gate.yaml of its commit; "
            "change that file by a merge request"
        )
    if environ.get("GATE_OVERRIDE") and source not in _USER_SOURCES:
        raise ConfigError(
            f"GATE_OVERRIDE is set in a pipeline started by {source}; only a user may override: "
            "Build > Pipelines > New pipeline on master"
        )
