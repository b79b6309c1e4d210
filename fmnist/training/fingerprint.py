"""What decides the result of a training to the bit."""

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


def identity(job: TrainingJob) -> dict[str, str]:
    """Trainings of equal identity on one machine give equal bits; the keys are read in error messages.

    Raises:
        IntegrityError: the parent is damaged.
    """
    return {
        "experiment": job.experiment,
        "set of hyperparameters": json.dumps(job.hyperparameters.model_dump(mode="json"), sort_keys=True),
        "data commit": f"{job.train_data.repo}@{job.train_data.commit}",
        "seed": str(job.seed),
        "number of threads": str(job.threads),
        "number of processes": str(job.team.size),
        "oneDNN setting": str(uses_onednn()),
        "parent checkpoint": open_bundle(job.parent).sha256 if job.parent else "none",
        "set of packages": json.dumps(package_versions(), sort_keys=True),
        "version of the code": _code(),
    }


def uses_onednn() -> bool:
    """Whether TensorFlow computes with oneDNN, which changes results in the last bits."""
    return os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() not in ("0", "false")


def package_versions() -> dict[str, str]:
    """The versions of Python and of the packages that a training computes with."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # TensorFlow's package is named differently per platform
            continue
    return versions


@cache
def _code() -> str:
    """The sources that a training runs: unlike a commit's id it tells uncommitted changes apart."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _CODE for path in _PACKAGE.glob(pattern)):
        digest.update(f"{path.relative_to(_PACKAGE)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
