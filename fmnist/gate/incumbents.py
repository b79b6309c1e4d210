"""The earlier versions that a candidate must not be worse than."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist.catalogue.history import History
from fmnist.core.provenance import DataReference
from fmnist.errors import IntegrityError, NotFoundError
from fmnist.gate.evidence import read_evidence, unpacked
from fmnist.gate.signing import Key, signed_result
from fmnist.gate.verdict import gate_result
from fmnist.registry.base import ModelRegistry, ModelVersion


@dataclass(frozen=True)
class Incumbents:
    """Number of the version in service (None before the first promotion), and of all ever promoted."""

    champion: int | None = None
    promoted: tuple[int, ...] = ()


def incumbents_of(history: History) -> Incumbents:
    """The incumbents by a promotion history."""
    champion = history.champion
    return Incumbents(
        champion.version if champion else None,
        tuple(sorted({tenure.version for tenure in history.tenures})),
    )


NO_INCUMBENTS = Incumbents()
"""Before the first promotion."""


def champion_of(registry: ModelRegistry, model: str, incumbents: Incumbents) -> ModelVersion | None:
    """The version in service.

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
    """The most accurate of all versions ever promoted that still exist; the earliest of equals.

    Accuracies are those of the versions' verdicts. After a change of the test data the choice is a
    guess, but the comparison is not: candidate and best version predict the same images.

    Raises:
        IntegrityError: the verdict that a promoted version carries is damaged.
    """
    promoted = set(incumbents.promoted) | ({incumbents.champion} - {None})
    versions = [version for version in reversed(registry.versions(model)) if version.number in promoted]
    return max(versions, key=_accuracy, default=None)


def _accuracy(version: ModelVersion) -> float:
    result = gate_result(version)
    return result.accuracy if result else 0.0


def known_correct(
    registry: ModelRegistry, version: ModelVersion, data: DataReference, images: int, key: Key
) -> NDArray[np.bool_] | None:
    """Which of the ``images`` images of ``data`` the version classified correctly in its own gate, [images].

    None if no verdict that ``key`` signed has it: never tested, tested on other data, altered, or by a
    gate that did not record it. Then the version has to predict them.
    """
    try:
        result = signed_result(version, key)
        if result is None or result.test_data != data:
            return None
        return unpacked(read_evidence(registry, version, result.evidence_sha256).named_right, images)
    except (IntegrityError, NotFoundError):
        return None
