"""The whole gate: fetch the versions and the data, measure, decide, sign; and keep the result."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Dataset
from fmnist.core.provenance import DataReference
from fmnist.data.base import Commit, DataStore
from fmnist.gate.cached import remembered
from fmnist.gate.evidence import Comparison, Evidence, to_bytes
from fmnist.gate.incumbents import Incumbents, best_of, champion_of
from fmnist.gate.keys import Key
from fmnist.gate.measure import Measured, compare, measure, named_right
from fmnist.gate.policy import Policy
from fmnist.gate.result import GateResult, Override, annotation_of
from fmnist.gate.rules import decide
from fmnist.gate.signature import sign
from fmnist.gate.test_data import data_facts, read_test_data
from fmnist.registry.base import ModelRegistry, ModelVersion


@dataclass(frozen=True)
class Occasion:
    """Whose key signs, when, on whose order and in which CI pipeline the gate is run."""

    key: Key
    time: datetime
    override: Override | None = None
    pipeline: str | None = None


@dataclass(frozen=True)
class Examined:
    """A version with its signed result and the evidence that it names; ``kept`` once they are written."""

    version: ModelVersion
    result: GateResult
    evidence: Evidence
    kept: bool = False


def examine(
    registry: ModelRegistry,
    store: DataStore,
    version: ModelVersion,
    test_data: Commit,
    policy: Policy,
    incumbents: Incumbents,
    occasion: Occasion,
) -> Examined:
    """Test ``version`` on ``test_data``; done again, nothing but times changes.

    Those are when it was, and how long an image took. Nothing is written: see ``keep``.

    Raises:
        NotFoundError: the champion or the training data no longer exist.
        IntegrityError: a stored bundle or data are not what was recorded.
        DataError: the test data cannot be used.
    """
    champion = champion_of(registry, version.model, incumbents)
    best = best_of(registry, version.model, incumbents)
    data = read_test_data(store, test_data)
    trained_on = version.metadata.provenance.train_data
    facts = data_facts(store, test_data, data, trained_on, policy.test_data_commit)
    with TemporaryDirectory(prefix="fmnist-gate-") as scratch:

        def bundle_of(wanted: ModelVersion) -> Bundle:
            return registry.download(wanted, Path(scratch) / str(wanted.number))

        measured = measure(bundle_of(version), version.bundle_sha256, data, facts, policy)

        def right_of(earlier: ModelVersion) -> NDArray[np.bool_]:
            known = remembered(registry, earlier, _reference(test_data), len(data), occasion.key)
            return named_right(bundle_of(earlier), data) if known is None else known

        against_champion, against_best = _compared(champion, best, right_of, measured, data)
    verdict = decide(measured.measurement, against_champion, against_best, policy)
    evidence = replace(measured.evidence, rules=verdict.rules, champion=against_champion, best=against_best)
    result = GateResult(
        verdict=verdict,
        model=version.model,
        version=version.number,
        bundle_sha256=version.bundle_sha256,
        dataset=trained_on.origin,
        policy_sha256=policy.sha256(),
        test_data=_reference(test_data),
        champion=champion.number if champion else None,
        best=best.number if best else None,
        override=occasion.override,
        evidence_sha256=hashlib.sha256(to_bytes(evidence)).hexdigest(),
        time=occasion.time.isoformat(timespec="seconds"),
        pipeline=occasion.pipeline,
        key=occasion.key.kind,
        key_id=occasion.key.id,
    )
    annotations = {**version.annotations, annotation_of(result.key): sign(result, occasion.key)}
    return Examined(replace(version, annotations=annotations), result, evidence)


def keep(registry: ModelRegistry, examined: Examined) -> Examined:
    """Write a result, also a refusal, to its version, where the next one by such a key replaces it.

    It is written last and in one piece, after the evidence that it names: whoever reads finds the
    earlier result or this one, and whatever dies before leaves the earlier one.

    Raises:
        UnavailableError: the registry cannot be reached.
    """
    key = annotation_of(examined.result.key)
    registry.attach(examined.version, to_bytes(examined.evidence))
    registry.annotate(examined.version, key, examined.version.annotations[key])
    return replace(examined, kept=True)


def _compared(
    champion: ModelVersion | None,
    best: ModelVersion | None,
    right_of: Callable[[ModelVersion], NDArray[np.bool_]],
    candidate: Measured,
    data: Dataset,
) -> tuple[Comparison | None, Comparison | None]:
    """The candidate against either; measured once if they are the same."""
    against = {
        earlier.number: compare(earlier.number, right_of(earlier), candidate, data)
        for earlier in {earlier.number: earlier for earlier in (champion, best) if earlier}.values()
    }
    return (
        against[champion.number] if champion else None,
        against[best.number] if best else None,
    )


def _reference(commit: Commit) -> DataReference:
    return DataReference(
        commit.repo, commit.id, commit.origin, {file.name: file.sha256 for file in commit.files}
    )
