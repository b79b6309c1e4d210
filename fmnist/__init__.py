"""fmnist: from a data commit to a served, traceable Fashion-MNIST prediction."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fmnist.core.bundle import Bundle, open_bundle
    from fmnist.core.dataset import Dataset
    from fmnist.core.fashion_mnist import CLASSES
    from fmnist.core.predictor import Predictor
    from fmnist.core.provenance import Provenance
    from fmnist.data.base import Commit
    from fmnist.errors import FmnistError
    from fmnist.experiments import load_experiment
    from fmnist.registry.base import ModelVersion
    from fmnist.serving.client import Client
    from fmnist.settings import Settings

PATH = (
    "data",
    "experiments",
    "tracking",
    "training",
    "search",
    "registry",
    "gate",
    "serving",
    "deployment",
    "retraining",
    "report",
)
"""The stages, each a folder, in the order of the path: one imports those before it, never one after it."""

__all__ = [
    "CLASSES",
    "PATH",
    "Bundle",
    "Client",
    "Commit",
    "Dataset",
    "FmnistError",
    "ModelVersion",
    "Predictor",
    "Provenance",
    "Settings",
    "load_experiment",
    "open_bundle",
]

_MODULES = {
    "CLASSES": "core.fashion_mnist",
    "Bundle": "core.bundle",
    "Client": "serving.client",
    "Commit": "data.base",
    "Dataset": "core.dataset",
    "FmnistError": "errors",
    "ModelVersion": "registry.base",
    "Predictor": "core.predictor",
    "Provenance": "core.provenance",
    "Settings": "settings",
    "load_experiment": "experiments",
    "open_bundle": "core.bundle",
}
"""Where each name is defined; it is imported on first use, so that ``import fmnist`` loads no library."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'fmnist' has no attribute {name!r}")
    return getattr(importlib.import_module(f"fmnist.{_MODULES[name]}"), name)
