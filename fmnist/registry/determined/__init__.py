"""Determined's model registry: its versions name checkpoints, which hold our bundles."""

import fmnist.training.determined  # noqa: F401 - first: it silences what determined says when imported
from fmnist.registry.determined.registry import DeterminedRegistry

__all__ = ["DeterminedRegistry"]
