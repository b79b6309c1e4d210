"""Road to serving: every change of what serves, as one state machine.

``step`` decides and touches nothing; ``execute.run`` acts and decides nothing. A canary is a rollout with
more splits: each is set and verified before the next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from fmnist.catalogue.promotions import EventType, Takeover
from fmnist.deployment.base import Deployment
from fmnist.errors import FmnistError, UnavailableError

Weights = Mapping[int, int]
"""Traffic in percent, 1-100, by version; sums to 100, or is empty where nothing serves."""


Phase = Enum(
    "Phase",
    "PLANNED INTERRUPTED BEGINNING STARTING SHIFTING VERIFYING RETIRING RESTORING SETTLING EMPTYING "
    "WITHDRAWING RECORDING DONE",
)
"""Action whose outcome a rollout waits for, or how it starts and ends."""


@dataclass(frozen=True)
class Rollout:
    """State of a rollout.

    Attributes:
        target: version that is to have all traffic in the end.
        takeover: what is recorded of it; None if the history says already that the target serves.
        before: split that is restored if the rollout fails; empty if nothing served.
        splits: the current and those to come, in order; the last gives all traffic to the target.
        retiring: versions still to be removed, once the target was seen to serve.
        is_new: whether the target did not run before, so that it is stopped if the rollout fails.
        is_restored: whether ``before`` was restored, as far as it could be.
        failure: the error that made it fail.
    """

    target: int
    takeover: Takeover | None
    before: Weights
    splits: tuple[Weights, ...]
    phase: Phase = Phase.PLANNED
    retiring: tuple[int, ...] = ()
    is_new: bool = True
    is_restored: bool = False
    failure: FmnistError | None = None


@dataclass(frozen=True)
class Observation:
    """Observed state after an action.

    Attributes:
        answering: digest of the bundle that answered through the gateway; None if it was not asked.
        failure: the action's error.
    """

    deployments: tuple[Deployment, ...]
    answering: str | None = None
    failure: FmnistError | None = None

    @property
    def split(self) -> Weights:
        return {each.version: each.weight for each in self.deployments if each.weight}

    def weight(self, version: int) -> int | None:
        """The version's share in percent; None if it does not run."""
        return next((each.weight for each in self.deployments if each.version == version), None)


@dataclass(frozen=True)
class RecordEvent:
    """Add an event to the history."""

    event: EventType
    note: str | None = None


@dataclass(frozen=True)
class Apply:
    """Start a version and wait until it is ready."""

    version: int


@dataclass(frozen=True)
class SetWeights:
    """Split the traffic."""

    split: Weights


@dataclass(frozen=True)
class Verify:
    """See which version answers through the gateway."""


@dataclass(frozen=True)
class Remove:
    """Stop a version without traffic."""

    version: int


@dataclass(frozen=True)
class Done:
    """Nothing is left to do; the rollout's ``failure`` says whether it failed."""


Action = RecordEvent | Apply | SetWeights | Verify | Remove | Done


def planned(target: int, takeover: Takeover | None, deployments: Sequence[Deployment]) -> Rollout:
    """A rollout to ``target`` in one split, from whatever serves now."""
    seen = Observation(tuple(deployments))
    return Rollout(target, takeover, seen.split, ({target: 100},), is_new=seen.weight(target) is None)


def interrupted(takeover: Takeover, before: Weights) -> Rollout:
    """A takeover of which only the beginning was recorded; its outcome is to be seen and recorded."""
    target = takeover.version
    return Rollout(target, takeover, before, ({target: 100},), Phase.INTERRUPTED, is_new=target not in before)


Step = tuple[Rollout, Action]


def step(rollout: Rollout, seen: Observation) -> Step:
    """The rollout's next state and action. It terminates whatever is observed."""
    if seen.failure and rollout.phase in _AFTER_FAILURE:
        failed = replace(rollout, failure=rollout.failure or seen.failure)
        return _AFTER_FAILURE[rollout.phase](failed, seen)
    return _AFTER[rollout.phase](rollout, seen)


def _begin(rollout: Rollout, seen: Observation) -> Step:
    if rollout.takeover is None:
        return _start(rollout, seen)
    return replace(rollout, phase=Phase.BEGINNING), RecordEvent(EventType.BEGUN)


def _start(rollout: Rollout, seen: Observation) -> Step:
    return replace(rollout, phase=Phase.STARTING), Apply(rollout.target)


def _shift(rollout: Rollout, seen: Observation) -> Step:
    return replace(rollout, phase=Phase.SHIFTING), SetWeights(rollout.splits[0])


def _verify(rollout: Rollout, seen: Observation) -> Step:
    return replace(rollout, phase=Phase.VERIFYING), Verify()


def _verified(rollout: Rollout, seen: Observation) -> Step:
    current, *later = rollout.splits
    if problem := _problem(current, seen):
        return _restore(replace(rollout, failure=problem), seen)
    if later:
        return _shift(replace(rollout, splits=tuple(later)), seen)
    others = tuple(each.version for each in seen.deployments if each.version != rollout.target)
    return _retire(replace(rollout, retiring=others), seen)


def _retire(rollout: Rollout, seen: Observation) -> Step:
    for place, version in enumerate(rollout.retiring):
        weight = seen.weight(version)
        if weight:
            problem = UnavailableError(f"version {version} takes {weight} % of the traffic again")
            return _settle(replace(rollout, failure=problem), seen)
        if weight is not None:
            left = rollout.retiring[place + 1 :]
            return replace(rollout, phase=Phase.RETIRING, retiring=left), Remove(version)
    return _record(rollout, seen, EventType.SERVES)


def _restore(rollout: Rollout, seen: Observation) -> Step:
    """Give the traffic back to those who had it, if anybody had."""
    can_be = all(seen.weight(version) is not None for version in rollout.before)
    rollout = replace(rollout, is_restored=True)
    if not can_be or (seen.split == rollout.before and not seen.failure):
        return _settle(rollout, seen)
    return replace(rollout, phase=Phase.RESTORING), SetWeights(rollout.before)


def _settle(rollout: Rollout, seen: Observation) -> Step:
    """See how a rollout went that did not go as planned."""
    return replace(rollout, phase=Phase.SETTLING), Verify()


def _settled(rollout: Rollout, seen: Observation) -> Step:
    if not _problem({rollout.target: 100}, seen):
        return _record(rollout, seen, EventType.SERVES)
    if not rollout.is_restored and seen.split != rollout.before:
        return _restore(rollout, seen)
    if rollout.is_new and seen.weight(rollout.target):
        # Nobody is left to give the traffic to, and the target was not seen to serve.
        return replace(rollout, phase=Phase.EMPTYING), SetWeights({})
    return _withdraw(rollout, seen)


def _withdraw(rollout: Rollout, seen: Observation) -> Step:
    """Stop a version that was started in vain."""
    if rollout.is_new and seen.weight(rollout.target) == 0:
        return replace(rollout, phase=Phase.WITHDRAWING), Remove(rollout.target)
    return _fail(rollout, seen)


def _fail(rollout: Rollout, seen: Observation) -> Step:
    return _record(rollout, seen, EventType.FAILED)


def _record(rollout: Rollout, seen: Observation, event: EventType) -> Step:
    if rollout.takeover is None:
        return _done(rollout, seen)
    why = str(rollout.failure or "it was interrupted before the version served")
    note = why if event is EventType.FAILED else None
    return replace(rollout, phase=Phase.RECORDING), RecordEvent(event, note)


def _done(rollout: Rollout, seen: Observation) -> Step:
    return replace(rollout, phase=Phase.DONE), Done()


_AFTER: Mapping[Phase, Callable[[Rollout, Observation], Step]] = {
    Phase.PLANNED: _begin,
    Phase.INTERRUPTED: _settle,
    Phase.BEGINNING: _start,
    Phase.STARTING: _shift,
    Phase.SHIFTING: _verify,
    Phase.VERIFYING: _verified,
    Phase.RETIRING: _retire,
    Phase.RESTORING: _settle,
    Phase.SETTLING: _settled,
    Phase.EMPTYING: _withdraw,
    Phase.WITHDRAWING: _fail,
    Phase.RECORDING: _done,
    Phase.DONE: _done,
}
_AFTER_FAILURE: Mapping[Phase, Callable[[Rollout, Observation], Step]] = {
    Phase.BEGINNING: _done,
    Phase.STARTING: _settle,
    Phase.SHIFTING: _restore,
    Phase.RETIRING: _settle,
    Phase.RECORDING: _done,
}
"""Steps after an action that failed; verifying judges that itself, undoing goes on."""


def _problem(expected: Weights, seen: Observation) -> FmnistError | None:
    """Why the versions of ``expected`` were not seen to serve, each with its share."""
    versions = " and ".join(f"version {version}" for version in expected)
    if seen.split != expected or not all(each.ready for each in seen.deployments if each.weight):
        shares = ", ".join(f"version {version} at {weight} %" for version, weight in seen.split.items())
        return UnavailableError(f"{versions} should serve, but {shares or 'nothing'} does")
    if seen.failure:
        return seen.failure
    answering = [each.version for each in seen.deployments if each.bundle_sha256 == seen.answering]
    if not set(answering) & set(expected):
        who = f"version {answering[0]}" if answering else f"bundle {seen.answering}"
        return UnavailableError(f"{versions} should serve, but {who} answers")
    return None
