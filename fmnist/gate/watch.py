"""A look at the registry now and then, for versions that were registered by other hands."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fmnist.core.progress import Say
from fmnist.errors import ConfigError, IntegrityError, NotFoundError, TimedOut, UnavailableError
from fmnist.gate.gitlab import Pipelines, pipeline_of
from fmnist.registry.base import ModelRegistry, ModelVersion

if TYPE_CHECKING:
    from fmnist.catalogue.watch_cursors import VersionCursor


def begin(registry: ModelRegistry, model: str, cursor: "VersionCursor", first: int | None) -> int:
    """Set the cursor for a watch and give it: before ``first``, else where the last watch stopped.

    The first watch ever begins with the latest version.

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
    """Start the pipelines of all versions after the cursor, oldest first; it moves on with each.

    Gives the versions with their new pipelines. One that has its pipeline, or that cannot be tested, is
    passed over; ``say`` is told of the latter.

    Raises:
        ConfigError: GitLab does not take the request.
        UnavailableError: GitLab or the registry could not be reached.
    """
    for number in range((cursor.read() or 0) + 1, _newest(registry, model) + 1):
        started = None
        try:
            version = registry.get(model, number)
            started = None if pipeline_of(version) else pipelines.ensure(version)
        except (NotFoundError, IntegrityError) as error:
            say(f"passed over: {error}")
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
    """Poll for ever; what cannot be reached is told to ``say`` and tried again after ``seconds``."""
    while True:
        try:
            yield from poll(registry, pipelines, model, cursor, say)
        except (UnavailableError, TimedOut) as error:
            say(f"{error}; trying again in {seconds:.0f} s")
        time.sleep(seconds)


def _newest(registry: ModelRegistry, model: str) -> int:
    try:
        return registry.get(model).number
    except NotFoundError:
        return 0
