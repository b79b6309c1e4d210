"""Experiment files as Determined's documentation has them, small."""

from collections.abc import Mapping
from typing import Any

SHARED = {"metric": "accuracy", "smaller_is_better": False}
ASHA = {**SHARED, "name": "adaptive_asha", "time_metric": "epochs", "max_time": 4, "max_trials": 8}
GRID = {**SHARED, "name": "grid"}
RANDOM = {**SHARED, "name": "random", "max_trials": 4}
SINGLE = {**SHARED, "name": "single"}


def document(searcher: Mapping[str, Any] = ASHA, **sections: Any) -> dict[str, Any]:
    """An experiment file's content; ``sections`` take the place of whole ones, None takes them out."""
    content = {
        "name": "fmnist-adaptive",
        "entrypoint": "python3 -m fmnist.jobs.train",
        "hyperparameters": hyperparameters(),
        "searcher": dict(searcher),
        "reproducibility": {"experiment_seed": 42},
        **sections,
    }
    return {key: value for key, value in content.items() if value is not None}


def hyperparameters(**more: Any) -> dict[str, Any]:
    return {
        "lr": {"type": "log", "base": 10, "minval": -4, "maxval": -1.5},
        "width": {"type": "categorical", "vals": [16, 32]},
        "epochs": 4,
        **more,
    }


def without(mapping: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in keys}
