"""Specs for tests: a good one, and the same with something else in it."""

import copy
import json
from pathlib import Path
from typing import Any

IMAGE = "registry.example.com/fmnist-train:1.4.0"

GOOD: dict[str, Any] = {
    "pipeline": {"name": "garments"},
    "input": {"pfs": {"name": "raw", "repo": "fmnist-train-raw", "branch": "master", "glob": "/"}},
    "transform": {"image": IMAGE, "cmd": ["python3", "-m", "fmnist.jobs.validate_data"]},
}

DROP = object()
"""In place of a value: the field goes."""


def changed(**values: Any) -> dict[str, Any]:
    """GOOD with other values at dotted names, written ``transform__image``."""
    document = copy.deepcopy(GOOD)
    for name, value in values.items():
        *groups, last = name.split("__")
        place = document
        for group in groups:
            place = place.setdefault(group, {})
        if value is DROP:
            del place[last]
        else:
            place[last] = value
    return document


def write(folder: Path, document: Any, name: str = "garments.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(document))
    return folder / name
