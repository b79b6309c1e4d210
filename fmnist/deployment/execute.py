"""Execution of a rollout: the loop that asks ``step`` what to do, and does it."""

from collections.abc import Callable

from fmnist.core.bundle import Bundle
from fmnist.deployment.base import Platform
from fmnist.deployment.rollout import (
    Action,
    Apply,
    Done,
    Observation,
    RecordEvent,
    Remove,
    Rollout,
    SetWeights,
    Verify,
    step,
)
from fmnist.errors import FmnistError


def run(
    rollout: Rollout,
    platform: Platform,
    bundle_of: Callable[[int], Bundle],
    ask: Callable[[str], str],
    record: Callable[[RecordEvent], None],
) -> None:
    """Carry a rollout out to its end.

    Args:
        rollout: the state to begin with; ``step`` decides what follows.
        platform: where the versions serve.
        bundle_of: gives the bundle of a version that is to be started.
        ask: digest of the bundle that answers at a URL.
        record: adds an event about the rollout's takeover to the history.

    Raises:
        FmnistError: the rollout's failure, after all was as before, and that was recorded.
    """

    def act(action: Action) -> str | None:
        match action:
            case RecordEvent():
                record(action)
            case Apply(version):
                platform.apply(version, bundle_of(version))
            case SetWeights(split):
                platform.set_weights(split)
            case Remove(version):
                platform.remove(version)
            case Verify() if seen.split:
                return ask(seen.deployments[0].url)
        return None

    seen = Observation(tuple(platform.deployments()))
    rollout, action = step(rollout, seen)
    while not isinstance(action, Done):
        answering, failure = None, None
        try:
            answering = act(action)
        except FmnistError as error:
            failure = error
        seen = Observation(tuple(platform.deployments()), answering, failure)
        rollout, action = step(rollout, seen)
    if rollout.failure:
        raise rollout.failure
