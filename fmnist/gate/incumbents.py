"""The versions that a candidate must not be worse than."""

from dataclasses import dataclass

from fmnist.catalogue.history import History
from fmnist.errors import NotFoundError
from fmnist.gate.result import gate_result
from fmnist.registry.base import ModelRegistry, ModelVersion


@dataclass(frozen=True)
class Incumbents:
    """What the promotion log tells: who serves now, and the numbers of all that ever did.

    ``champion`` is None before the first promotion.
    """

    champion: int | None = None
    promoted: tuple[int, ...] = ()


def incumbents_of(history: History) -> Incumbents:
    """Those of a promotion log."""
    champion = history.champion
    return Incumbents(
        champion.version if champion else None,
        tuple(sorted({tenure.version for tenure in history.tenures})),
    )


NOBODY = Incumbents()
"""Before the first promotion."""


def champion_of(registry: ModelRegistry, model: str, incumbents: Incumbents) -> ModelVersion | None:
    """The version that serves.

    Raises:
        NotFoundError: the registry no longer has it.
    """
    if incumbents.champion is None:
        return None
    try:
        return registry.get(model, incumbents.champion)
    except NotFoundError as error:
        raise NotFoundError(
            f"the champion, version {incumbents.champion} of {model}, no longer exists, so nothing can be "
            f"compared with it ({error}); promote another version, or roll back"
        ) from error


def best_of(registry: ModelRegistry, model: str, incumbents: Incumbents) -> ModelVersion | None:
    """Of all versions ever promoted that still exist, the one that was most accurate in its gate.

    The earliest of equals. Accuracies from before a change of the test data are compared as they
    are: which version was best is then a guess, but how the candidate compares with it is not, as
    both are put to the same images.

    Raises:
        IntegrityError: the verdict that a promoted version carries is broken.
    """
    promoted = set(incumbents.promoted) | ({incumbents.champion} - {None})
    versions = [version for version in reversed(registry.versions(model)) if version.number in promoted]
    return max(versions, key=_accuracy, default=None)


def _accuracy(version: ModelVersion) -> float:
    result = gate_result(version)
    return result.accuracy if result else 0.0
