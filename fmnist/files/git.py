"""Which code this is."""

import subprocess
from pathlib import Path

UNKNOWN = "unknown"
_SECONDS = 20
# `dvc repro` writes it between two stages.
_NO_CODE = ":(top,exclude)dvc.lock"


def code_version(folder: Path) -> str:
    """The git commit of the checkout that holds ``folder``.

    Ends in ``-dirty`` when tracked files differ from it, but for DVC's record of what it ran;
    ``unknown`` where there is no git checkout.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return UNKNOWN
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", _NO_CODE)
    return f"{commit}-dirty" if changes else commit


def changed_files(folder: Path) -> list[str]:
    """What differs from the commit: changed and new files by path, sorted; none outside a checkout."""
    lines = _git(folder, "status", "--porcelain", "--", ":/", _NO_CODE)
    return sorted(line.strip().partition(" ")[2].strip() for line in (lines or "").splitlines())


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
