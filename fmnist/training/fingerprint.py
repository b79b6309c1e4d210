"""Fingerprint of everything that a training's result depends on, to the bit."""

import hashlib
import json
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fmnist.core.bundle import open_bundle
from fmnist.training.job import TrainingJob

_PACKAGES = ("keras", "numpy", "onnx", "onnxruntime", "tensorflow", "tensorflow-cpu", "tf2onnx")
_PACKAGE = Path(__file__).parents[1]
_CODE = (
    "training/**/*.py",
    "experiments/hyperparameters.py",
    "core/dataset.py",
    "core/fashion_mnist.py",
    "core/metrics.py",
)

LABELS = {
    "hyperparameters": "set of hyperparameters",
    "data_commit": "data commit",
    "threads": "number of threads",
    "workers": "number of processes",
    "onednn": "oneDNN setting",
    "parent_sha256": "parent checkpoint",
    "packages": "set of packages",
    "code_sha256": "version of the code",
}
"""Fields of a fingerprint as messages name them, where that differs."""


def fingerprint(job: TrainingJob) -> dict[str, str]:
    """Trainings with equal fingerprints give bit-identical results on one machine.

    Raises:
        IntegrityError: the parent is damaged.
    """
    return {
        "experiment": job.experiment,
        "hyperparameters": json.dumps(job.hyperparameters.model_dump(mode="json"), sort_keys=True),
        "data_commit": f"{job.train_data.repo}@{job.train_data.commit}",
        "seed": str(job.seed),
        "threads": str(job.threads),
        "workers": str(job.group.size),
        "onednn": str(uses_onednn()),
        "parent_sha256": open_bundle(job.parent).sha256 if job.parent else "none",
        "packages": json.dumps(package_versions(), sort_keys=True),
        "code_sha256": _code(),
    }


def uses_onednn() -> bool:
    """Whether TensorFlow computes with oneDNN, which changes results in the last bits."""
    return os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() not in ("0", "false")


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute a training."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # TensorFlow's package is named differently per platform
            continue
    return versions


@cache
def _code() -> str:
    """Digest of the sources that a training runs; unlike a commit's id it covers uncommitted changes."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _CODE for path in _PACKAGE.glob(pattern)):
        digest.update(f"{path.relative_to(_PACKAGE)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
