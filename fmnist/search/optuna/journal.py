"""Optuna's journal file after its writer was killed."""

import os
from pathlib import Path


def mend(file: Path) -> None:
    """Free a journal from what a killed writer left; only its one writer may do so.

    Optuna would wait 30 seconds for a lock whose holder is dead, and refuse the whole journal if
    something were written after half a line.
    """
    file.with_name(f"{file.name}.lock").unlink(missing_ok=True)
    if file.exists():
        content = file.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(file, whole)
