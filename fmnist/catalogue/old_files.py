"""JSON lines that held a model's promotions before the catalogue did."""

import json
from pathlib import Path
from typing import Any

from fmnist.catalogue.history import EventType, PromotionEvent, Takeover, TenureOutcome
from fmnist.errors import IntegrityError

_SCHEMA = 1


def read_promotions(path: Path) -> tuple[PromotionEvent, ...]:
    """The file's events, oldest first; none without a file. What a killed writer left of a line is no line.

    Raises:
        IntegrityError: a line is damaged; the message names it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    *lines, _ = content.split(b"\n")
    return tuple(_event(path, number, line) for number, line in enumerate(lines, start=1))


def _event(path: Path, number: int, line: bytes) -> PromotionEvent:
    try:
        return _from_document(json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{path}, line {number}: not an entry of a promotion log ({error!r}); restore the file"
        ) from error


def _from_document(raw: Any) -> PromotionEvent:
    if raw["schema_version"] != _SCHEMA:
        raise ValueError(f"schema_version is {raw['schema_version']}, this fmnist reads {_SCHEMA}")
    fields = dict(raw["takeover"])
    ends = fields.pop("ends")
    outcome = None if ends is None else TenureOutcome(ends)
    return PromotionEvent(
        raw["time"], EventType(raw["event"]), Takeover(**fields, previous_outcome=outcome), raw["note"]
    )
