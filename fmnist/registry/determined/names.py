"""Model names that are no path, no query and no id at the master."""

import re

from fmnist.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_name(model: str) -> bool:
    """Whether a model can be called that; the master takes digits alone for an id."""
    return bool(_NAME.fullmatch(model)) and not model.isdecimal()


def check_name(model: str) -> None:
    """Raises InputError if it cannot."""
    if not is_name(model):
        raise InputError(
            f"model name {model!r}: expected letters, digits, dots, dashes, underscores; not digits alone"
        )
