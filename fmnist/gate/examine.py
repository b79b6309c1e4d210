"""The whole gate: fetch the version and the test data, measure, decide, sign, write the result down."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from fmnist.bundle import DataReference
from fmnist.data.base import Commit, DataStore
from fmnist.gate.evidence import to_bytes
from fmnist.gate.keys import Key
from fmnist.gate.measure import measure, read_test_data
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
    override: Override | None = None,
    pipeline: str | None = None,
) -> GateResult:
    """Test ``version`` on ``test_data``; the result is kept with the version, also a refusal.

    Raises:
        IntegrityError: the stored bundle or data are not what was recorded.
        DataError: the test data cannot be used.
    """
    dataset = read_test_data(store, test_data)
    with TemporaryDirectory(prefix="fmnist-gate-") as folder:
        bundle = registry.download(version, Path(folder) / "bundle")
        measurement, evidence = measure(bundle, dataset, policy)
    result = GateResult(
        verdict=decide(measurement, policy),
        model=version.model,
        version=version.number,
        bundle_sha256=version.bundle_sha256,
        dataset=version.metadata.provenance.train_data.origin,
        policy_sha256=policy.sha256(),
        test_data=_reference(test_data),
        champion=None,
        best=None,
        override=override,
        evidence_sha256=registry.attach(version, to_bytes(evidence)),
        time=now.isoformat(timespec="seconds"),
        pipeline=pipeline,
        key=key.kind,
        key_id=key.id,
    )
    # Last, and in one write: a reader finds the earlier verdict or this one, never parts of both.
    registry.annotate(version, ANNOTATION, sign(result, key))
    return result


def _reference(commit: Commit) -> DataReference:
    return DataReference(
        commit.repo, commit.id, commit.origin, {file.name: file.sha256 for file in commit.files}
    )
