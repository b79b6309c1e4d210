"""Apply spec files to a server: a new version of a pipeline only where something changed.

pachd makes a new version of a pipeline, and starts a job, on every update. So each version carries two
annotations: the digest of the spec that it was made from, and the number that it was to get. If both are
right, the pipeline is what the file says, and nobody has changed it since.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from fmnist.core.progress import Say
from fmnist.errors import ConfigError, NotFoundError, TimedOut, UnavailableError
from fmnist.retraining.pachyderm.files import SpecFile, sources
from fmnist.retraining.pachyderm.rules import ANNOTATIONS, IMAGE
from fmnist.retraining.pachyderm.server import Change, DeployedPipeline, PachydermPipelines

SHA256 = f"{ANNOTATIONS}spec-sha256"
VERSION = f"{ANNOTATIONS}version"

_READY = ("RUNNING", "STANDBY", "PAUSED")
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class PlannedPipeline:
    """A spec and what applying it does: create or update its pipeline, or leave it unchanged."""

    file: SpecFile
    action: Literal["create", "update", "unchanged"]
    version: int

    @property
    def change(self) -> Change:
        """The spec with the two annotations, for the server."""
        metadata = self.file.document.get("metadata") or {}
        annotations = {
            **(metadata.get("annotations") or {}),
            SHA256: self.file.sha256,
            VERSION: str(self.version),
        }
        document = {**self.file.document, "metadata": {**metadata, "annotations": annotations}}
        return Change(str(self.file.path), document, update=self.action == "update")


@dataclass(frozen=True)
class Applied:
    """A pipeline after ``carry_out``; ``state`` as in ``DeployedPipeline``, None if it was not waited for."""

    name: str
    action: Literal["create", "update", "unchanged"]
    version: int
    state: str | None


def plan(server: PachydermPipelines, specs: Sequence[SpecFile]) -> list[PlannedPipeline]:
    """Compare specs with the server, and check there whatever can be checked before a change.

    Raises:
        ConfigError: a spec has no image yet, or the server refuses it or lacks secrets for it.
        NotFoundError: a repo or branch that a pipeline is fed from does not exist.
    """
    for spec in specs:
        if spec.request.transform.image == IMAGE:
            raise ConfigError(f"{spec.path}: transform.image: is still {IMAGE}; render the spec first")
    _check_secrets(server, specs)
    _check_sources(server, specs)
    steps = [_step(spec, server.find(spec.name)) for spec in specs]
    if changes := _changes(steps):
        server.try_out(changes)
    return steps


def carry_out(
    server: PachydermPipelines,
    steps: Sequence[PlannedPipeline],
    say: Say,
    seconds: float,
    pause: Callable[[float], None] = time.sleep,
) -> list[Applied]:
    """Create and update, all or none; then wait up to ``seconds`` for all to be ready, with 0 not at all.

    Raises:
        ConfigError: the server refuses a spec.
        UnavailableError: a pipeline failed; the message has pachd's reason.
        TimedOut: one is not ready in time.
    """
    for step in steps:
        say(f"{step.file.name}: {step.action}, version {step.version}")
    if changes := _changes(steps):
        server.put(changes)
    deadline = time.monotonic() + seconds
    states = [_ready(server, step.file.name, deadline, pause) if seconds else None for step in steps]
    return [
        Applied(step.file.name, step.action, step.version, state)
        for step, state in zip(steps, states, strict=True)
    ]


def _step(file: SpecFile, now: DeployedPipeline | None) -> PlannedPipeline:
    if now is None:
        return PlannedPipeline(file, "create", 1)
    made_from = now.annotations.get(SHA256), now.annotations.get(VERSION)
    if made_from == (file.sha256, str(now.version)):
        return PlannedPipeline(file, "unchanged", now.version)
    return PlannedPipeline(file, "update", now.version + 1)


def _changes(steps: Sequence[PlannedPipeline]) -> list[Change]:
    return [step.change for step in steps if step.action != "unchanged"]


def _check_secrets(server: PachydermPipelines, specs: Sequence[SpecFile]) -> None:
    used: dict[str, set[str]] = {}
    for spec in specs:
        for secret in spec.request.transform.secrets:
            used.setdefault(secret.name, set()).update([secret.key] if secret.key else [])
        for name in spec.request.transform.image_pull_secrets:
            used.setdefault(name, set())
    missing = server.missing_secrets(sorted(used))
    if missing:
        commands = [
            f"  kubectl create secret generic {name}"
            + "".join(f" --from-literal={key}=..." for key in sorted(used[name]))
            for name in missing
        ]
        raise ConfigError(
            f"nothing was applied: secrets missing in Pachyderm's namespace: {', '.join(missing)}; make:\n"
            + "\n".join(commands)
        )


def _check_sources(server: PachydermPipelines, specs: Sequence[SpecFile]) -> None:
    """Raise NotFoundError for a missing branch: pachd would create it, and nothing would ever start a job."""
    outputs = {spec.name for spec in specs}
    for spec, source in [(file, source) for file in specs for source in sources(file)]:
        if source.repo in outputs:
            continue
        advice = f"put data first: fmnist data fetch, or pachctl put file -r {source.repo}@{source.branch}:/"
        try:
            branches = server.branches(source.repo)
        except NotFoundError as error:
            raise NotFoundError(f"{spec.path}: input {source.name}: {error}; {advice}") from error
        if source.branch not in branches:
            raise NotFoundError(
                f"{spec.path}: input {source.name}: {source.repo} has no branch {source.branch}, it has "
                f"{', '.join(branches) or 'none'}; {advice}"
            )


def _ready(server: PachydermPipelines, name: str, deadline: float, pause: Callable[[float], None]) -> str:
    while True:
        now = server.find(name)
        state = now.state if now else "DELETED"
        reason = f": {now.reason}" if now and now.reason else ""
        if state in _READY:
            return state
        if state in ("FAILURE", "DELETED"):
            raise UnavailableError(f"pipeline {name}: {state}{reason}")
        if time.monotonic() >= deadline:
            raise TimedOut(f"pipeline {name}: is still {state}{reason}; see pachctl inspect pipeline {name}")
        pause(_PAUSE_SECONDS)
