"""Names of models: they become file names, and parts of addresses and queries."""

import re

from fmnist.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_model_name(model: str) -> bool:
    """Whether a model can be called that."""
    return bool(_NAME.fullmatch(model))


def check_model_name(model: str) -> None:
    """Raises InputError if it cannot."""
    if not is_model_name(model):
        raise InputError(f"model name {model!r}: expected letters, digits, dots, dashes, underscores")
