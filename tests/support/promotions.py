"""Promotion histories of a test's own."""

from pathlib import Path

from fmnist.catalogue.database import Database
from fmnist.catalogue.history import EventType, PromotionEvent, Takeover, TenureOutcome
from fmnist.catalogue.promotion_log import PromotionLog


def make_log(home: Path, model: str = "m") -> PromotionLog:
    """The model's history in a home's catalogue, which need not exist."""
    return PromotionLog(Database.of_home(home), model, home / "promotions")


def served(
    version: int,
    time: str = "2026-01-01T00:00:00+00:00",
    who: str = "ada",
    reason: str | None = None,
    previous_outcome: TenureOutcome | None = None,
) -> PromotionEvent:
    """The event that ``version`` was seen to serve after its promotion."""
    return PromotionEvent(
        time, EventType.SERVES, Takeover(version, f"{version:064}", who, reason, previous_outcome)
    )
