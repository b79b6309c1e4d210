"""Pipelines of model versions: one for each, however often and by whomever it is asked for."""

import json
from dataclasses import asdict
from pathlib import Path

from fmnist.clients.gitlab import GitlabProject, Pipeline
from fmnist.errors import FmnistError, IntegrityError
from fmnist.files.lock import only_writer
from fmnist.registry.base import ModelRegistry, ModelVersion

ANNOTATION = "fmnist.pipeline"
_LOCK_SECONDS = 300.0


def pipeline_of(version: ModelVersion) -> Pipeline | None:
    """The pipeline that was started for the version; None if there was none.

    Raises:
        IntegrityError: what is kept with the version names no pipeline.
    """
    text = version.annotations.get(ANNOTATION)
    if text is None:
        return None
    try:
        return Pipeline(**json.loads(text))
    except (ValueError, TypeError) as error:
        name = f"version {version.number} of {version.model}"
        raise IntegrityError(f"{name}, {ANNOTATION}: names no pipeline ({error!r})") from error


class Pipelines:
    """Starts pipelines in a GitLab project and notes them with the versions they are for."""

    def __init__(self, registry: ModelRegistry, project: GitlabProject, folder: Path) -> None:
        """``folder`` holds the lock that all who start pipelines on this machine share."""
        self._registry = registry
        self._project = project
        self._lock = folder / ".lock"

    def ensure(self, version: ModelVersion) -> ModelVersion:
        """The version with its pipeline, which is started if there is none yet.

        Killed between GitLab's answer and the note, the next call starts a second one: the gate
        gives the same verdict twice.

        Raises:
            ConfigError: GitLab does not take the request.
            UnavailableError: GitLab or the registry could not be reached.
        """
        with only_writer(self._lock, _LOCK_SECONDS, f"the pipelines of {version.model}"):
            current = self._registry.get(version.model, version.number)
            if pipeline_of(current):
                return current
            pipeline = self._start(current)
            return self._noted(current, pipeline)

    def _start(self, version: ModelVersion) -> Pipeline:
        variables = {"MODEL_NAME": version.model, "MODEL_VERSION": str(version.number)}
        try:
            return self._project.trigger(variables)
        except FmnistError as error:
            raise type(error)(
                f"version {version.number} of {version.model} is registered, but has no pipeline: {error}"
            ) from error

    def _noted(self, version: ModelVersion, pipeline: Pipeline) -> ModelVersion:
        try:
            return self._registry.annotate(version, ANNOTATION, json.dumps(asdict(pipeline)))
        except FmnistError as error:
            raise type(error)(
                f"pipeline {pipeline.url} of version {version.number} of {version.model} is started, "
                f"but could not be noted: {error}"
            ) from error
