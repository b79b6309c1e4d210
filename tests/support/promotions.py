"""Promotion histories of a test's own."""

from pathlib import Path

from fmnist.catalogue.database import Database
from fmnist.catalogue.promotion_log import PromotionLog
from fmnist.catalogue.promotions import EventType, PromotionEvent, Takeover, TenureOutcome


def make_log(home: Path, model: str = "m") -> PromotionLog:
    """The model's history in a home's catalogue, which need not exist."""
    return PromotionLog(Database.of_home(home), model, home / "promotions")


def served(
    version: int,
    time: str = "2026-01-01T00:00:00+00:00",
    who: str = "ada",
    reason: str | None = None,
    previous_outcome: TenureOutcome | None = None,
    bundle_sha256: str | None = None,
) -> PromotionEvent:
    """The event that ``version`` was seen to serve after its promotion; by default of a made-up bundle."""
    takeover = Takeover(version, bundle_sha256 or f"{version:064}", who, reason, previous_outcome)
    return PromotionEvent(time, EventType.SERVES, takeover)
