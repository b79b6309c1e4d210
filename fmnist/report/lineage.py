"""Lineage of a model version: the chain from its number back to data commit and code."""

from collections.abc import Mapping
from dataclasses import dataclass

from fmnist.core.provenance import DataReference
from fmnist.errors import IntegrityError
from fmnist.gate.verdict import Override, gate_result
from fmnist.registry.base import ModelVersion


@dataclass(frozen=True)
class GateSummary:
    """Verdict of the gate.

    Attributes:
        status: ``passed``, ``refused`` or ``overridden``.
        passed: also true if rules are ``broken`` and ``override`` tells who overrode them, and why.
        accuracy: 0-1, on the images of ``test_data``.
    """

    status: str
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
        gate: None if the version was not tested, or its verdict cannot be read.
        trained: time at which the checkpoint was written.
        train_data_sha256: digest by file name.
        parent_run: the run whose checkpoint the training continued from, if any.
        gate_problem: why the verdict cannot be read, if so.
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
    gate_problem: str | None = None


def lineage_of(version: ModelVersion) -> Lineage:
    """Read the chain from what the version itself carries."""
    provenance = version.metadata.provenance
    gate, problem = None, None
    try:
        gate = _gate_summary(version)
    except IntegrityError as error:
        problem = str(error)
    return Lineage(
        model=version.model,
        version=version.number,
        created=version.created,
        gate=gate,
        gate_problem=problem,
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
        ("gate", _gate_line(lineage)),
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
        status=result.status,
        passed=result.passed,
        override=result.override,
        broken=tuple(rule.name for rule in result.verdict.broken),
        accuracy=result.accuracy,
        test_data=result.test_data,
        policy_sha256=result.policy_sha256,
        time=result.time,
    )


def _gate_line(lineage: Lineage) -> str:
    gate = lineage.gate
    if lineage.gate_problem:
        return f"unreadable: {lineage.gate_problem}"
    if gate is None:
        return f"not tested; run fmnist gate --version {lineage.version}"
    data = _data_line(gate.test_data.repo, gate.test_data.commit, gate.test_data.origin)
    broken = f" ({', '.join(gate.broken)})" if gate.broken else ""
    if gate.override and gate.broken:
        broken += f" by {gate.override.who}, because {gate.override.reason}"
    return f"{gate.status}{broken}, accuracy {gate.accuracy:.4f} on {data}, {gate.time}"


def _data_line(repo: str, commit: str, origin: str) -> str:
    return f"{repo}@{commit} ({origin})"
