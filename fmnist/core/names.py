"""Names of repos, files, models and folders, checked before they become paths or parts of addresses."""

import hashlib
import re
from collections.abc import Iterable

from fmnist.errors import InputError
from fmnist.files.paths import check_names

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST = 120
"""Bytes of a folder's name; file systems take 255, of which temporary names need some."""
_DIGITS = 12
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def check_repo(repo: str) -> None:
    """Raises InputError unless ``repo`` is 1-63 letters, digits, - and _, first a letter or digit."""
    if not _REPO.fullmatch(repo):
        raise InputError(
            f"data repo {repo!r}: a name is 1-63 letters, digits, - and _, the first a letter or digit"
        )


def check_files(repo: str, names: Iterable[str]) -> None:
    """Raises InputError unless these can be the files of one commit: at least one, relative, no clash."""
    known = set(names)
    if not known:
        raise InputError(f"{repo}: nothing to put; a commit holds at least one file")
    check_names(known, repo, InputError)
    for name in known:
        parts = name.split("/")
        if any(part.startswith(".") for part in parts):
            raise InputError(f"{repo}: file name {name!r} must have no part that begins with a dot")
        if parts[-1] in ("dvc.yaml", "dvc.lock") or parts[-1].endswith(".dvc"):
            raise InputError(
                f"{repo}: file name {name!r} cannot be stored: DVC gives it a meaning of its own"
            )


def is_model_name(model: str) -> bool:
    """Whether a model can be called that."""
    return bool(_MODEL.fullmatch(model))


def check_model_name(model: str) -> None:
    """Raises InputError if it cannot."""
    if not is_model_name(model):
        raise InputError(f"model name {model!r}: expected letters, digits, dots, dashes, underscores")


def folder_name(name: str) -> str:
    """``name`` without what a folder's name should not hold; never empty, hidden, a path or too long."""
    folder = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "unnamed"
    content = folder.encode()
    if len(content) <= _LONGEST:
        return folder
    # Its beginning for people, a digest because other names begin so as well.
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{content[: _LONGEST - _DIGITS - 1].decode(errors='ignore')}-{digest}"
