"""Variables that name servers which people work with.

They leave the environment before the first test is imported. ``make contract-real`` sets
FMNIST_TEST_REAL=1: then, and only then, the contract tests of real servers find them here.
"""

import os

_PREFIXES = ("AWS_", "DET_", "FMNIST_", "GITLAB_", "MLFLOW_", "PACH_", "PACHD_", "WANDB_")
_NAMES = ("KUBECONFIG",)


def take_from_environment() -> dict[str, str]:
    """Remove the variables from the environment of this process and its children, and return them."""
    names = [name for name in os.environ if name in _NAMES or name.startswith(_PREFIXES)]
    return {name: os.environ.pop(name) for name in names}


_TAKEN = take_from_environment()
SERVERS = _TAKEN if _TAKEN.get("FMNIST_TEST_REAL") == "1" else {}
"""Variables of the servers that this run may change; empty unless it was asked for real ones."""
