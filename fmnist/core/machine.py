"""The machine that this process runs on."""

import getpass
import os
from pathlib import Path


def usable_cores() -> int:
    """The cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def complete_user(home: Path) -> None:
    """Set what libraries ask for but a user id without a passwd entry lacks, as in ``docker run -u 12345``.

    Args:
        home: folder that stands in for the user's where HOME is not set either; else libraries make a
            folder named ~.
    """
    name_user()
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = str(home)


def name_user() -> None:
    """Give a user id without a passwd entry the name that libraries ask for."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"uid-{os.getuid()}"
