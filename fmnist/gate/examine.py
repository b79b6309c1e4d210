"""The whole gate: fetch the version and the test data, measure, decide, write the result down."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from fmnist.bundle import DataReference
from fmnist.data.base import Commit, DataStore
from fmnist.gate.measure import measure, read_test_data
from fmnist.gate.policy import Policy
from fmnist.gate.result import GateResult, write_result
from fmnist.gate.rules import decide
from fmnist.registry.base import ModelRegistry, ModelVersion


def examine(
    registry: ModelRegistry,
    store: DataStore,
    version: ModelVersion,
    test_data: Commit,
    policy: Policy,
    now: datetime,
) -> GateResult:
    """Test ``version`` on ``test_data``; the result is kept with the version, also a refusal.

    Raises:
        IntegrityError: the stored bundle or data are not what was recorded.
        DataError: the test data cannot be used.
    """
    dataset = read_test_data(store, test_data)
    with TemporaryDirectory(prefix="fmnist-gate-") as folder:
        bundle = registry.download(version, Path(folder) / "bundle")
        measurement = measure(bundle, dataset)
    result = GateResult(
        verdict=decide(measurement, policy),
        bundle_sha256=version.bundle_sha256,
        policy_sha256=policy.sha256(),
        test_data=_reference(test_data),
        time=now.isoformat(timespec="seconds"),
    )
    write_result(registry, version, result)
    return result


def _reference(commit: Commit) -> DataReference:
    return DataReference(
        commit.repo, commit.id, commit.origin, {file.name: file.sha256 for file in commit.files}
    )
