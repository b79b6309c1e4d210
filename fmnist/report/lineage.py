"""Lineage of a model version: the chain from its number back to data commit and code."""

from collections.abc import Mapping
from dataclasses import dataclass

from fmnist.core.provenance import DataReference
from fmnist.gate.verdict import Override, gate_result
from fmnist.registry.base import ModelVersion


@dataclass(frozen=True)
class GateSummary:
    """Verdict of the gate. ``accuracy`` is 0-1 on the images of ``test_data``.

    ``passed`` is also true if rules are ``broken`` and ``override`` tells who overrode them, and why.
    """

    passed: bool
    override: Override | None
    broken: tuple[str, ...]
    accuracy: float
    test_data: DataReference
    policy_sha256: str
    time: str


@dataclass(frozen=True)
class Lineage:
    """The chain from a version back to data and code, with ``Provenance.fields``.

    Attributes:
        created: time of the registration.
        gate: None if the version was never tested.
        trained: time at which the checkpoint was written.
        train_data_sha256: digest by file name.
        parent_run: the run whose checkpoint the training continued from, if any.
    """

    model: str
    version: int
    created: str
    gate: GateSummary | None
    bundle_sha256: str
    network: str
    trained: str
    train_data_sha256: Mapping[str, str]
    experiment: str
    run: str
    git_commit: str
    train_data_repo: str
    train_data_commit: str
    data_origin: str
    parent_run: str | None = None


def lineage_of(version: ModelVersion) -> Lineage:
    """Read the chain from what the version itself carries.

    Raises:
        IntegrityError: the gate's result that it carries is broken or of another bundle.
    """
    provenance = version.metadata.provenance
    return Lineage(
        model=version.model,
        version=version.number,
        created=version.created,
        gate=_gate_summary(version),
        bundle_sha256=version.bundle_sha256,
        network=version.metadata.network,
        trained=provenance.created,
        train_data_sha256=provenance.train_data.sha256,
        **provenance.fields(),
    )


def chain(lineage: Lineage) -> list[tuple[str, str]]:
    """The links as (name, what it is), for people; each was made from the one after it."""
    resumed = f", resumed from run {lineage.parent_run}" if lineage.parent_run else ""
    served = f"{lineage.model} {lineage.version}, dataset={lineage.data_origin}"
    return [
        ("version", f"{served}, registered {lineage.created}"),
        ("gate", _gate_line(lineage.gate)),
        ("checkpoint", f"bundle {lineage.bundle_sha256}, {lineage.network}, written {lineage.trained}"),
        ("run", f"{lineage.run} of experiment {lineage.experiment}{resumed}"),
        ("data", _data_line(lineage.train_data_repo, lineage.train_data_commit, lineage.data_origin)),
        ("code", f"git {lineage.git_commit}"),
    ]


def _gate_summary(version: ModelVersion) -> GateSummary | None:
    result = gate_result(version)
    if result is None:
        return None
    return GateSummary(
        passed=result.passed,
        override=result.override,
        broken=tuple(rule.name for rule in result.verdict.broken),
        accuracy=result.accuracy,
        test_data=result.test_data,
        policy_sha256=result.policy_sha256,
        time=result.time,
    )


def _gate_line(gate: GateSummary | None) -> str:
    if gate is None:
        return "not tested yet; run fmnist gate"
    data = _data_line(gate.test_data.repo, gate.test_data.commit, gate.test_data.origin)
    return f"{_outcome(gate)}, accuracy {gate.accuracy:.4f} on {data}, {gate.time}"


def _outcome(gate: GateSummary) -> str:
    if not gate.broken:
        return "passed"
    broken = f"({', '.join(gate.broken)})"
    if gate.override:
        return f"overridden by {gate.override.who}, because {gate.override.reason}, although refused {broken}"
    return f"refused {broken}"


def _data_line(repo: str, commit: str, origin: str) -> str:
    return f"{repo}@{commit} ({origin})"
