"""The whole gate: fetch the versions and the data, measure, decide, sign, write the result down."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from fmnist.bundle import Bundle, DataReference
from fmnist.data.base import Commit, DataStore
from fmnist.gate.data import data_facts, read_test_data
from fmnist.gate.evidence import to_bytes
from fmnist.gate.incumbents import NOBODY, Incumbents, best_of, champion_of
from fmnist.gate.keys import Key
from fmnist.gate.measure import compare, measure
from fmnist.gate.policy import Policy
from fmnist.gate.result import ANNOTATION, GateResult, Override
from fmnist.gate.rules import decide
from fmnist.gate.signature import sign
from fmnist.registry.base import ModelRegistry, ModelVersion


def examine(
    registry: ModelRegistry,
    store: DataStore,
    version: ModelVersion,
    test_data: Commit,
    policy: Policy,
    key: Key,
    now: datetime,
    incumbents: Incumbents = NOBODY,
    override: Override | None = None,
    pipeline: str | None = None,
) -> GateResult:
    """Test ``version`` on ``test_data``; the result is kept with the version, also a refusal.

    Done again, nothing but times changes: when it was, and how long an image took. A result is
    written last and in one piece: whoever reads finds the earlier one or this one.

    Raises:
        NotFoundError: the champion or the training data no longer exist.
        IntegrityError: a stored bundle or data are not what was recorded.
        DataError: the test data cannot be used.
    """
    champion = champion_of(registry, version.model, incumbents)
    best = best_of(registry, version.model, incumbents)
    data = read_test_data(store, test_data)
    facts = data_facts(
        store, test_data, data, version.metadata.provenance.train_data, policy.test_data_commit
    )
    with TemporaryDirectory(prefix="fmnist-gate-") as scratch:

        def fetched(wanted: ModelVersion) -> Bundle:
            return registry.download(wanted, Path(scratch) / str(wanted.number))

        measured = measure(fetched(version), version.bundle_sha256, data, facts, policy)
        comparisons = {
            earlier.number: compare(earlier.number, fetched(earlier), measured, data)
            for earlier in (champion, best)
            if earlier
        }
    against_champion = comparisons[champion.number] if champion else None
    against_best = comparisons[best.number] if best else None
    evidence = replace(measured.evidence, champion=against_champion, best=against_best)
    result = GateResult(
        verdict=decide(measured.measurement, against_champion, against_best, policy),
        model=version.model,
        version=version.number,
        bundle_sha256=version.bundle_sha256,
        dataset=version.metadata.provenance.train_data.origin,
        policy_sha256=policy.sha256(),
        test_data=_reference(test_data),
        champion=champion.number if champion else None,
        best=best.number if best else None,
        override=override,
        evidence_sha256=registry.attach(version, to_bytes(evidence)),
        time=now.isoformat(timespec="seconds"),
        pipeline=pipeline,
        key=key.kind,
        key_id=key.id,
    )
    registry.annotate(version, ANNOTATION, sign(result, key))
    return result


def _reference(commit: Commit) -> DataReference:
    return DataReference(
        commit.repo, commit.id, commit.origin, {file.name: file.sha256 for file in commit.files}
    )
