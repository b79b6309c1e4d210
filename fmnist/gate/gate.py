"""The gate: fetch the versions and the data, measure, decide, sign; and save the result."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Dataset
from fmnist.core.provenance import DataReference
from fmnist.data.base import Commit, DataStore
from fmnist.gate.evidence import Comparison, Evidence, to_bytes
from fmnist.gate.incumbents import Incumbents, best_of, champion_of, known_correct
from fmnist.gate.measure import Measured, classified_correctly, compare, measure
from fmnist.gate.policy import Policy
from fmnist.gate.rules import decide
from fmnist.gate.signing import Key, sign
from fmnist.gate.test_data import data_facts, read_test_data
from fmnist.gate.verdict import GateResult, Override, annotation_of
from fmnist.registry.base import ModelRegistry, ModelVersion


@dataclass(frozen=True)
class GateRequest:
    """One version to test.

    Attributes:
        version: the candidate.
        test_data: the commit that it is tested on.
        policy: the bounds.
        incumbents: the versions that it is compared with.
        key: signs the result.
        time: of the test, in UTC.
        override: lets the version pass whatever the rules say.
        pipeline: address of the CI pipeline; None outside CI.
    """

    version: ModelVersion
    test_data: Commit
    policy: Policy
    incumbents: Incumbents
    key: Key
    time: datetime
    override: Override | None = None
    pipeline: str | None = None

    @property
    def data_reference(self) -> DataReference:
        data = self.test_data
        return DataReference(data.repo, data.id, data.origin, {file.name: file.sha256 for file in data.files})


@dataclass(frozen=True)
class GateRun:
    """A version with its signed result and the evidence of it; ``saved`` once they are written."""

    version: ModelVersion
    result: GateResult
    evidence: Evidence
    saved: bool = False


def run_gate(registry: ModelRegistry, store: DataStore, request: GateRequest) -> GateRun:
    """Test a version; when repeated, only the time and the measured latency differ.

    Nothing is written: see ``save``.

    Raises:
        NotFoundError: the champion or the training data no longer exist.
        IntegrityError: a stored bundle or data are not what was recorded.
        DataError: the test data cannot be used.
    """
    version, policy = request.version, request.policy
    champion = champion_of(registry, version.model, request.incumbents)
    best = best_of(registry, version.model, request.incumbents)
    data = read_test_data(store, request.test_data)
    trained_on = version.metadata.provenance.train_data
    facts = data_facts(store, request.test_data, data, trained_on, policy.test_data_commit)
    with TemporaryDirectory(prefix="fmnist-gate-") as scratch:
        versions = _Versions(registry, request, data, Path(scratch))
        measured = measure(versions.bundle(version), version.bundle_sha256, data, facts, policy)
        against_champion = versions.compared(measured, champion)
        against_best = against_champion if best == champion else versions.compared(measured, best)
    verdict = decide(measured.measurement, against_champion, against_best, policy)
    evidence = replace(measured.evidence, rules=verdict.rules, champion=against_champion, best=against_best)
    result = GateResult(
        rules=verdict.rules,
        model=version.model,
        version=version.number,
        bundle_sha256=version.bundle_sha256,
        dataset=trained_on.origin,
        policy_sha256=policy.sha256(),
        test_data=request.data_reference,
        champion=champion.number if champion else None,
        best=best.number if best else None,
        override=request.override,
        evidence_sha256=hashlib.sha256(to_bytes(evidence)).hexdigest(),
        time=request.time.isoformat(timespec="seconds"),
        pipeline=request.pipeline,
        key=request.key.kind,
        key_id=request.key.id,
    )
    annotations = {**version.annotations, annotation_of(result.key): sign(result, request.key)}
    return GateRun(replace(version, annotations=annotations), result, evidence)


def save(registry: ModelRegistry, run: GateRun) -> GateRun:
    """Write a result, also a refusal, to its version, where the next one by such a key replaces it.

    It is written last and atomically, after the evidence that it names: readers find the earlier result or
    this one, and a gate that is killed before leaves the earlier one.

    Raises:
        UnavailableError: the registry cannot be reached.
    """
    key = annotation_of(run.result.key)
    registry.attach(run.version, to_bytes(run.evidence))
    registry.annotate(run.version, key, run.version.annotations[key])
    return replace(run, saved=True)


@dataclass(frozen=True)
class _Versions:
    """The versions that one run of the gate loads, and their predictions for its test data."""

    registry: ModelRegistry
    request: GateRequest
    data: Dataset
    folder: Path

    def bundle(self, version: ModelVersion) -> Bundle:
        return self.registry.download(version, self.folder / str(version.number))

    def compared(self, candidate: Measured, earlier: ModelVersion | None) -> Comparison | None:
        if earlier is None:
            return None
        known = known_correct(
            self.registry, earlier, self.request.data_reference, len(self.data), self.request.key
        )
        correct = classified_correctly(self.bundle(earlier), self.data) if known is None else known
        return compare(earlier.number, correct, candidate, self.data)
