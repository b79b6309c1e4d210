"""Schedules of cron inputs, as pachd's parser reads them.

croniter cannot check them: it also takes what pachd refuses (six fields, ``5-1``, ``L``, ``mon#1``, 7 for
Sunday), and excluding that needs all of the below.
"""

import re

_DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@never")
_EVERY = re.compile(r"@every (?:\d+(?:\.\d+)?(?:h|m|s))+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_TERM = re.compile(r"(?:[*?]|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/[1-9]\d*)?")


def check_schedule(text: str) -> bool:
    """True if pachd can read the schedule; raises ValueError with the wrong field if not."""
    if text in _DESCRIPTORS or _EVERY.fullmatch(text):
        return True
    fields = text.split()
    if text.startswith("@") or len(fields) != len(_FIELDS):
        raise ValueError(
            'expected five fields, such as "0 3 * * *" for every night at three, or one of '
            f"@every 1h, {', '.join(_DESCRIPTORS)}"
        )
    for field, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for term in field.split(","):
            found = _TERM.fullmatch(term)
            bounds = [_number(bound, low, words) for bound in found.groups() if bound] if found else [-1]
            if bounds != sorted(bounds) or not all(low <= bound <= high for bound in bounds):
                raise ValueError(f"{field} is not a {name}: expected {low}-{high}, *, a range or a list")
    return True


def _number(text: str, low: int, words: tuple[str, ...]) -> int:
    """The number that a digit string or a month's or day's name stands for, -1 for other words."""
    if text.lower() in words:
        return words.index(text.lower()) + low
    return int(text) if text.isdecimal() else -1
