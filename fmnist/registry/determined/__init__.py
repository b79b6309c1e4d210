"""Determined's model registry: its versions name checkpoints, which hold our bundles."""

import fmnist.clients.determined  # noqa: F401 - first, to silence determined
from fmnist.registry.determined.registry import DeterminedRegistry

__all__ = ["DeterminedRegistry"]
