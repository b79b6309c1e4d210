"""DVC as the embedded engine of versioned data."""

from fmnist.data.dvc.store import DvcStore

__all__ = ["DvcStore"]
