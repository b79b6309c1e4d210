"""Promotions of a model as values: events, tenures, the champion, the version to roll back to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class EventType(StrEnum):
    """Progress of a takeover, recorded before traffic moves (``begun``) and once the outcome is known.

    ``serves``: the version was seen to serve. ``failed``: it was not, and the traffic was given back.
    """

    BEGUN = "begun"
    SERVES = "serves"
    FAILED = "failed"


class TakeoverKind(StrEnum):
    """Purpose of a takeover: a promotion makes a champion, a rollback an earlier one, a deployment none."""

    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    DEPLOYMENT = "deployment"


class TenureOutcome(StrEnum):
    """How a champion's tenure ended: one that was replaced is known good."""

    REPLACED = "replaced"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"


@dataclass(frozen=True)
class Takeover:
    """A version that is to take over the traffic.

    Attributes:
        version: number in the registry.
        bundle_sha256: digest of its bundle, 64 hexadecimal digits.
        who: user who asked for it.
        reason: why, in that user's words; None if none was given.
        previous_outcome: how the previous champion's tenure ended; None for the first promotion, and for a
            deployment.
        kind: whether the version becomes champion.
        place: of the platform that serves it, as ``Platform.place``; None in rows of an earlier fmnist.
    """

    version: int
    bundle_sha256: str
    who: str
    reason: str | None
    previous_outcome: TenureOutcome | None
    kind: TakeoverKind = TakeoverKind.PROMOTION
    place: str | None = None


@dataclass(frozen=True)
class PromotionEvent:
    """One row of a model's history.

    Attributes:
        time: ISO 8601 in UTC.
        note: why a takeover failed; None otherwise.
    """

    time: str
    event: EventType
    takeover: Takeover
    note: str | None = None


@dataclass(frozen=True)
class Tenure:
    """A period in which a version was champion.

    Attributes:
        since: ISO 8601 in UTC.
        until: the same; None while it is champion.
        who: user who promoted it, or rolled back to it.
        reason: why it was promoted.
        ended: how the tenure ended; None while it is champion.
        ended_reason: why the next version was promoted.
    """

    version: int
    bundle_sha256: str
    since: str
    until: str | None
    who: str
    reason: str | None
    ended: TenureOutcome | None
    ended_reason: str | None = None


@dataclass(frozen=True)
class History:
    """All events of a model, oldest first."""

    events: tuple[PromotionEvent, ...] = ()

    @property
    def tenures(self) -> tuple[Tenure, ...]:
        """All tenures, oldest first; each ends when the next begins."""
        tenures: list[Tenure] = []
        for event in self.events:
            takeover = event.takeover
            if event.event is EventType.SERVES and takeover.kind is not TakeoverKind.DEPLOYMENT:
                if tenures:
                    tenures[-1] = replace(
                        tenures[-1],
                        until=event.time,
                        ended=takeover.previous_outcome,
                        ended_reason=takeover.reason,
                    )
                tenures.append(_begun(event))
        return tuple(tenures)

    @property
    def champion(self) -> Tenure | None:
        """The current tenure; None before the first promotion."""
        return self.tenures[-1] if self.tenures else None

    @property
    def is_rolled_back(self) -> bool:
        """Whether the champion was made so by a rollback."""
        kinds = [event.takeover.kind for event in self.events if event.event is EventType.SERVES]
        made = [kind for kind in kinds if kind is not TakeoverKind.DEPLOYMENT]
        return made[-1:] == [TakeoverKind.ROLLBACK]

    @property
    def serving(self) -> Takeover | None:
        """The takeover that was last seen to serve, of the champion or not."""
        served = (event.takeover for event in reversed(self.events) if event.event is EventType.SERVES)
        return next(served, None)

    @property
    def pending(self) -> Takeover | None:
        """The takeover in progress when the process was killed, if any."""
        last = self.events[-1] if self.events else None
        return last.takeover if last and last.event is EventType.BEGUN else None

    def at(self, place: str) -> "History":
        """The events of one platform; those of which nobody knows where they were are of each."""
        return History(tuple(event for event in self.events if event.takeover.place in (place, None)))

    @property
    def known_good(self) -> tuple[Tenure, ...]:
        """Tenures to roll back to, latest first: the last of former champions, if it ended by replacement."""
        last: dict[str, Tenure] = {}
        for tenure in reversed(self.tenures):
            last.setdefault(tenure.bundle_sha256, tenure)
        return tuple(tenure for tenure in last.values() if tenure.ended is TenureOutcome.REPLACED)

    def of(self, bundle_sha256: str) -> tuple[Tenure, ...]:
        """Tenures of the version with that bundle, oldest first, under whatever numbers."""
        return tuple(tenure for tenure in self.tenures if tenure.bundle_sha256 == bundle_sha256)


def format_tenures(tenures: Sequence[Tenure]) -> str:
    """One version's tenures on a line, latest first; empty if it was never champion."""
    return "; ".join(_line(tenure) for tenure in reversed(tenures))


def status(tenures: Sequence[Tenure]) -> str:
    """A version's status by its tenures: ``champion``, ``replaced``, ``rolled back``, ``failed``.

    Empty if it was never champion.
    """
    return str(tenures[-1].ended or "champion") if tenures else ""


def _begun(event: PromotionEvent) -> Tenure:
    takeover = event.takeover
    return Tenure(
        takeover.version, takeover.bundle_sha256, event.time, None, takeover.who, takeover.reason, None
    )


def _line(tenure: Tenure) -> str:
    why = f" ({tenure.reason})" if tenure.reason else ""
    by = f", by {tenure.who}{why}"
    if tenure.until is None:
        return f"champion since {tenure.since}{by}"
    ended = f"{tenure.ended} ({tenure.ended_reason})" if tenure.ended_reason else tenure.ended
    return f"{ended} on {tenure.until} after serving since {tenure.since}{by}"
