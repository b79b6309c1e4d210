"""Model names that are no path, no query and no id at the master."""

from fmnist.core.names import is_model_name
from fmnist.errors import InputError


def is_name(model: str) -> bool:
    """Whether a model can be called that; the master takes digits alone for an id."""
    return is_model_name(model) and not model.isdecimal()


def check_name(model: str) -> None:
    """Raises InputError if it cannot."""
    if not is_name(model):
        raise InputError(
            f"model name {model!r}: expected letters, digits, dots, dashes, underscores; not digits alone"
        )
