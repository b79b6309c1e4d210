"""Versions that are eligible to serve."""

from collections.abc import Callable

from fmnist.catalogue.promotions import History
from fmnist.errors import GateRefused, NotFoundError
from fmnist.gate.signing import Demands, Keys, Target, verify, verify_signature
from fmnist.registry.base import ModelRegistry, ModelVersion, find


def champion_or_newest(
    registry: ModelRegistry,
    history: History,
    model: str,
    target: Target,
    keys: Keys,
    demands: Callable[[], Demands | None],
) -> ModelVersion:
    """The version that should serve: the champion once there is one, else the newest that passed.

    Raises:
        NotFoundError: the champion no longer exists, or no version passed.
        GateRefused: the champion's verdict no longer lets it go to ``target``; after a rollback it need not
            be a pass.
        IntegrityError: a verdict was altered.
    """
    if history.champion is None:
        return newest_passed(registry, model, target, keys, demands())
    try:
        champion = find(registry, model, history.champion.bundle_sha256)
    except NotFoundError as error:
        raise NotFoundError(
            f"the champion no longer exists: {error}; fmnist rollback returns to a known good one, "
            "fmnist promote VERSION serves another that passed the gate"
        ) from error
    if history.is_rolled_back:
        verify_signature(champion, target, keys)
    else:
        verify(champion, target, keys)
    return champion


def newest_passed(
    registry: ModelRegistry, model: str, target: Target, keys: Keys, demands: Demands | None = None
) -> ModelVersion:
    """The newest version whose verdict lets it go to ``target``.

    Raises:
        NotFoundError: none does; the message says why not the newest, and how to get one.
        IntegrityError: a verdict, newer than any that passed, was altered.
    """
    refusals = []
    for version in registry.versions(model):
        try:
            verify(version, target, keys, demands)
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
