"""The gate: fetch the versions and the data, measure, decide, sign; and save the result."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from fmnist.catalogue.verdict_log import VerdictLog
from fmnist.core.bundle import Bundle
from fmnist.core.provenance import DataReference
from fmnist.data.base import Commit, DataStore
from fmnist.gate.comparison import EarlierVersions
from fmnist.gate.evidence import Evidence, to_bytes
from fmnist.gate.measure import measure
from fmnist.gate.policy import Policy
from fmnist.gate.rules import decide
from fmnist.gate.signing import Key, sign
from fmnist.gate.test_data import data_facts, read_test_data
from fmnist.gate.verdict import GateResult, Override, annotation_of, newest_sequence
from fmnist.registry.base import Champions, ModelRegistry, ModelVersion


@dataclass(frozen=True)
class GateRequest:
    """One version to test.

    Attributes:
        version: the candidate.
        test_data: the commit that it is tested on.
        policy: the bounds.
        champions: the versions that it is compared with.
        key: whose verdicts on these are believed; None: nobody's.
        time: of the test, in UTC.
        override: lets the version pass whatever the rules say.
        pipeline: address of the CI pipeline; None outside CI.
    """

    version: ModelVersion
    test_data: Commit
    policy: Policy
    champions: Champions
    key: Key | None
    time: datetime
    override: Override | None = None
    pipeline: str | None = None

    @property
    def data_reference(self) -> DataReference:
        data = self.test_data
        return DataReference(data.repo, data.id, data.origin, {file.name: file.sha256 for file in data.files})


@dataclass(frozen=True)
class GateRun:
    """A version with its result and the evidence of it; signed and ``saved`` once they are written."""

    version: ModelVersion
    result: GateResult
    evidence: Evidence
    saved: bool = False


def run_gate(registry: ModelRegistry, store: DataStore, request: GateRequest) -> GateRun:
    """Test a version; when repeated, only the time and the measured latency differ.

    Nothing is signed or written: see ``save``.

    Raises:
        NotFoundError: the champion or the training data no longer exist.
        IntegrityError: a stored bundle or data are not what was recorded.
        DataError: the test data cannot be used.
    """
    version, policy = request.version, request.policy
    data = read_test_data(store, request.test_data)
    trained_on = version.metadata.provenance.train_data
    facts = data_facts(store, request.test_data, data, trained_on, policy.test_data_commit)
    with TemporaryDirectory(prefix="fmnist-gate-") as scratch:

        def bundle_of(version: ModelVersion) -> Bundle:
            return registry.download(version, Path(scratch) / version.bundle_sha256)

        earlier = EarlierVersions(
            registry, version.model, request.champions, request.data_reference, data, request.key, bundle_of
        )
        champion, best = earlier.champion(), earlier.best()
        measured = measure(bundle_of(version), data, facts, policy)
        against_champion = earlier.compared(measured.correct, champion)
        against_best = earlier.compared(measured.correct, best)
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
        key="local",
        key_id="",
    )
    shown = {**version.annotations, annotation_of(result.key): json.dumps(result.document())}
    return GateRun(replace(version, annotations=shown), result, evidence)


def save(registry: ModelRegistry, log: VerdictLog, run: GateRun, key: Key) -> GateRun:
    """Number and sign a result, also a refusal, and write it to its version.

    There the next one by such a key replaces it. It is written last and atomically, after the evidence that
    it names: readers find the earlier result or this one. Its number is taken before, so that from then on
    no earlier one counts, whatever becomes of the gate.

    Raises:
        UnavailableError: the registry or the catalogue cannot be reached.
    """
    version = registry.get(run.version.model, run.version.number)
    registry.attach(version, to_bytes(run.evidence))
    sequence = log.add(version.bundle_sha256, key.kind, run.result.time, newest_sequence(version))
    result = replace(run.result, key=key.kind, key_id=key.id, sequence=sequence)
    return GateRun(
        registry.annotate(version, annotation_of(key.kind), sign(result, key)), result, run.evidence, True
    )
