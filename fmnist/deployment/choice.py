"""Which version may serve."""

from fmnist.errors import NotFoundError
from fmnist.gate.result import gate_result
from fmnist.registry.base import ModelRegistry, ModelVersion


def newest_passed(registry: ModelRegistry, model: str) -> ModelVersion:
    """The newest version that passed the gate.

    Raises:
        NotFoundError: there is none; the message says how to get one.
    """
    versions = registry.versions(model)
    for version in versions:
        result = gate_result(version)
        if result and result.passed:
            return version
    if not versions:
        raise NotFoundError(f"{model} has no version yet; make demo trains and tests one")
    raise NotFoundError(
        f"no version of {model} passed the gate (newest: {versions[0].number}); "
        "run make gate to test it, or make demo to train one"
    )
