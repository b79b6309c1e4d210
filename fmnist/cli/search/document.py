"""Trials of a search as JSON."""

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from fmnist.search.trial import Trial

_FIELDS = ("id", "state", "epochs", "hyperparameters", "metric", "error", "checkpoint")


def trial_rows(trials: Iterable[Trial]) -> list[dict[str, Any]]:
    """One object per trial; a metric that is not finite becomes null."""
    return [_row(trial) for trial in trials]


def _row(trial: Trial) -> dict[str, Any]:
    metric = trial.metric if trial.metric is not None and math.isfinite(trial.metric) else None
    checkpoint = str(trial.checkpoint) if trial.checkpoint else None
    values = {**asdict(trial), "metric": metric, "checkpoint": checkpoint}
    return {name: values[name] for name in _FIELDS}
