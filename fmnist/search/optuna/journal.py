"""Repair of Optuna's journal file after its writer was killed."""

import os
from pathlib import Path


def repair(file: Path) -> None:
    """Remove the lock and the incomplete last line of a killed writer; only the new writer may do so.

    Optuna 5.0 waits 30 seconds for a lock whose holder is dead, and rejects the whole journal if
    something follows an incomplete line.
    """
    file.with_name(f"{file.name}.lock").unlink(missing_ok=True)
    if file.exists():
        content = file.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(file, whole)
