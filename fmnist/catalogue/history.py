"""What a promotion log tells: who serves, who did, and whom to return to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Event(StrEnum):
    """A takeover is written down before traffic moves (``begun``) and once it is known how it went.

    ``serves``: the version was seen to have all traffic. ``failed``: it was not.
    """

    BEGUN = "begun"
    SERVES = "serves"
    FAILED = "failed"


class End(StrEnum):
    """How a version's time ended: only one that was replaced served well to its end."""

    REPLACED = "replaced"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"


@dataclass(frozen=True)
class Takeover:
    """A version that is to have all traffic, the SHA-256 of its bundle, and who wants that and why.

    ``ends`` is how the champion before ends by it, None where there is none.
    """

    version: int
    bundle_sha256: str
    who: str
    reason: str | None
    ends: End | None


@dataclass(frozen=True)
class Entry:
    """One line of the log. ``time`` is ISO 8601 in UTC; ``note`` says why a takeover failed."""

    time: str
    event: Event
    takeover: Takeover
    note: str | None = None


@dataclass(frozen=True)
class Tenure:
    """A time in which a version served; ``until`` and ``ended`` are None while it does.

    ``reason`` is why it came to serve, ``ended_reason`` why whoever came after it did.
    """

    version: int
    bundle_sha256: str
    since: str
    until: str | None
    who: str
    reason: str | None
    ended: End | None
    ended_reason: str | None = None


@dataclass(frozen=True)
class History:
    """The entries of a log, oldest first."""

    entries: tuple[Entry, ...] = ()

    @property
    def tenures(self) -> tuple[Tenure, ...]:
        """All times served, oldest first; each ends when the next begins."""
        found: list[Tenure] = []
        for entry in self.entries:
            if entry.event is Event.SERVES:
                if found:
                    by = entry.takeover
                    found[-1] = replace(found[-1], until=entry.time, ended=by.ends, ended_reason=by.reason)
                found.append(_begun(entry))
        return tuple(found)

    @property
    def champion(self) -> Tenure | None:
        """The version that serves, None before the first promotion."""
        return self.tenures[-1] if self.tenures else None

    @property
    def pending(self) -> Takeover | None:
        """The takeover of which nobody wrote down how it went: whoever began it died."""
        last = self.entries[-1] if self.entries else None
        return last.takeover if last and last.event is Event.BEGUN else None

    @property
    def served_well(self) -> tuple[int, ...]:
        """The versions to return to, latest first: not the champion, and last ended by being replaced."""
        seen: dict[int, End | None] = {}
        for tenure in reversed(self.tenures):
            seen.setdefault(tenure.version, tenure.ended)
        return tuple(version for version, ended in seen.items() if ended is End.REPLACED)

    def of(self, version: int) -> tuple[Tenure, ...]:
        """The times that this version served, oldest first."""
        return tuple(tenure for tenure in self.tenures if tenure.version == version)


def told(tenures: Sequence[Tenure]) -> str:
    """One version's times on a line, latest first; empty if it never served."""
    return "; ".join(_line(tenure) for tenure in reversed(tenures))


def standing(tenures: Sequence[Tenure]) -> str:
    """How one version stands after its times: ``champion``, ``was champion``, ``rolled back``, ``failed``.

    Empty if it never served.
    """
    if not tenures:
        return ""
    ended = tenures[-1].ended
    if ended is None:
        return "champion"
    return "was champion" if ended is End.REPLACED else str(ended)


def _begun(entry: Entry) -> Tenure:
    by = entry.takeover
    return Tenure(by.version, by.bundle_sha256, entry.time, None, by.who, by.reason, None)


def _line(tenure: Tenure) -> str:
    why = f" ({tenure.reason})" if tenure.reason else ""
    by = f", by {tenure.who}{why}"
    if tenure.until is None:
        return f"champion since {tenure.since}{by}"
    ended = f"{tenure.ended} ({tenure.ended_reason})" if tenure.ended_reason else tenure.ended
    return f"{ended} on {tenure.until} after serving since {tenure.since}{by}"
