"""Determined's model registry: its versions name checkpoints, which hold our bundles."""

import fmnist.clients.determined  # noqa: F401 - first: it silences the warnings of determined's own imports
from fmnist.registry.determined.registry import DeterminedRegistry

__all__ = ["DeterminedRegistry"]
