"""When a cron input ticks, in the form that pachd takes."""

import re

_DESCRIPTORS = (
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
    "@never",
)
_EVERY = re.compile(r"@every (?:\d+(?:\.\d+)?(?:h|m|s))+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_TERM = re.compile(r"(?P<first>\*|\?|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>[1-9]\d*))?")


def check_schedule(text: str) -> str:
    """The same text, if pachd can tell times from it.

    Raises:
        ValueError: it cannot; says which field is wrong.
    """
    if text in _DESCRIPTORS or _EVERY.fullmatch(text):
        return text
    fields = text.split()
    if text.startswith("@") or len(fields) != len(_FIELDS):
        raise ValueError(
            'expected five fields, such as "0 3 * * *" for each night at three, or one of '
            f"@every 1h, {', '.join(_DESCRIPTORS)}"
        )
    for field, (name, least, most, words) in zip(fields, _FIELDS, strict=True):
        for term in field.split(","):
            if not _is_term(term, least, most, words):
                raise ValueError(f"{field} is no {name}, expected {least}-{most}, *, a range or a list")
    return text


def _is_term(term: str, least: int, most: int, words: tuple[str, ...]) -> bool:
    found = _TERM.fullmatch(term)
    if not found:
        return False
    if found["first"] in ("*", "?"):
        return found["last"] is None
    bounds = [_number(text, least, words) for text in (found["first"], found["last"]) if text]
    return all(bound is not None and least <= bound <= most for bound in bounds) and bounds == sorted(
        bound for bound in bounds if bound is not None
    )


def _number(text: str, least: int, words: tuple[str, ...]) -> int | None:
    if text.lower() in words:
        return words.index(text.lower()) + least
    return int(text) if text.isdecimal() else None
