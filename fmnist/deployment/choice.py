"""Which version may serve."""

from fmnist.errors import GateRefused, NotFoundError
from fmnist.gate.keys import Keys
from fmnist.gate.signature import Target, verify
from fmnist.registry.base import ModelRegistry, ModelVersion


def newest_passed(registry: ModelRegistry, model: str, target: Target, keys: Keys) -> ModelVersion:
    """The newest version that the gate lets go to ``target``.

    Raises:
        NotFoundError: there is none; the message says why not the newest, and how to get one.
        IntegrityError: a verdict, newer than any that passed, was altered.
    """
    refusals = []
    for version in registry.versions(model):
        try:
            verify(version, target, keys)
        except GateRefused as refusal:
            refusals.append(str(refusal))
        else:
            return version
    if not refusals:
        raise NotFoundError(f"{model} has no version yet; make demo trains and tests one")
    raise NotFoundError(
        f"no version of {model} passed the gate: {refusals[0]}; "
        "make gate tests the newest again, make demo trains another"
    )
