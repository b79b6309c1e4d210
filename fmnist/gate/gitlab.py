"""GitLab pipelines: one for each model version, a watch for new versions, and the variables that count."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.clients.gitlab import GitlabProject, Pipeline
from fmnist.core.progress import Say
from fmnist.errors import (
    ConfigError,
    FmnistError,
    InputError,
    IntegrityError,
    NotFoundError,
    TimedOut,
    UnavailableError,
)
from fmnist.files.documents import parse_record
from fmnist.files.lock import only_writer
from fmnist.registry.base import ModelRegistry, ModelVersion

if TYPE_CHECKING:
    from fmnist.catalogue.watch_cursors import VersionCursor

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


def begin(registry: ModelRegistry, model: str, cursor: "VersionCursor", first: int | None) -> int:
    """Set the cursor for a watch and return it: before ``first``, else where the last watch stopped.

    The first watch begins with the latest version.

    Raises:
        ConfigError: the cursor is ahead of the registry, so that it is about another one.
    """
    newest = _newest(registry, model)
    seen = first - 1 if first else cursor.read()
    if seen is None:
        seen = max(newest - 1, 0)
    if not first and seen > newest:
        raise ConfigError(
            f"{cursor}: has seen version {seen}, but the newest of {model} is {newest}: "
            "another registry? Say where to begin: --from VERSION"
        )
    cursor.write(seen)
    return seen


def poll(
    registry: ModelRegistry, pipelines: Pipelines, model: str, cursor: "VersionCursor", say: Say
) -> Iterator[ModelVersion]:
    """Start the pipelines of all versions after the cursor, oldest first; the cursor moves on with each.

    Yields the versions with their new pipelines. Versions that have one, or that cannot be tested, are
    skipped; ``say`` takes a line about the latter.

    Raises:
        ConfigError: GitLab does not take the request.
        UnavailableError: GitLab or the registry could not be reached.
    """
    for number in range((cursor.read() or 0) + 1, _newest(registry, model) + 1):
        started = None
        try:
            version = registry.get(model, number)
            started = None if pipeline_of(version) else pipelines.ensure(version)
        except (InputError, IntegrityError, NotFoundError) as error:
            say(f"skipped: {error}")
        cursor.write(number)
        if started:
            yield started


def watch(
    registry: ModelRegistry,
    pipelines: Pipelines,
    model: str,
    cursor: "VersionCursor",
    say: Say,
    seconds: float,
) -> Iterator[ModelVersion]:
    """Poll every ``seconds``, without end; ``say`` takes a line when a server cannot be reached."""
    while True:
        try:
            yield from poll(registry, pipelines, model, cursor, say)
        except (UnavailableError, TimedOut) as error:
            say(f"{error}; trying again in {seconds:.0f} s")
        time.sleep(seconds)


def _newest(registry: ModelRegistry, model: str) -> int:
    """Number of the newest version, usable or not; 0 if there is none."""
    return max((version.number for version in registry.entries(model)), default=0)


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
