import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from fmnist.gate.verdict import ANNOTATION, Outcome, Override
from fmnist.registry.base import ModelVersion
from fmnist.report.lineage import chain, lineage_of
from tests.support.bundles import make_bundle
from tests.support.results import make_result, make_rule


@pytest.fixture
def version(tmp_path: Path) -> ModelVersion:
    bundle = make_bundle(tmp_path / "bundle")
    return ModelVersion(
        "fashion-classifier", 3, "2026-01-02T00:00:00+00:00", bundle.sha256, bundle.metadata, {}
    )


def _tested(version: ModelVersion, passed: bool) -> ModelVersion:
    result = make_result(
        version,
        make_rule("accuracy", measured=0.9123),
        make_rule("size", outcome=Outcome.PASS if passed else Outcome.FAIL),
    )
    return replace(version, annotations={ANNOTATION: json.dumps(result.document())})


def test_every_link_is_there(version: ModelVersion) -> None:
    found = lineage_of(_tested(version, passed=True))
    provenance = version.metadata.provenance
    assert (found.model, found.version, found.created) == ("fashion-classifier", 3, version.created)
    assert found.bundle_sha256 == version.bundle_sha256
    assert (found.run, found.parent_run, found.experiment) == ("run-0", None, "fmnist-const")
    assert found.train_data_commit == provenance.train_data.commit
    assert found.train_data_sha256 == provenance.train_data.sha256
    assert found.git_commit == provenance.git_commit
    assert found.data_origin == "synthetic"
    assert found.gate is not None
    assert (found.gate.passed, found.gate.accuracy) == (True, 0.9123)
    assert found.gate.test_data.commit == "d" * 40


def test_it_can_be_written_as_json(version: ModelVersion) -> None:
    document = json.loads(json.dumps(asdict(lineage_of(_tested(version, passed=True)))))
    assert document["train_data_commit"] == "89abcdef" * 5
    assert document["gate"]["test_data"]["sha256"] == {"images": "e" * 64}


def test_the_chain_leads_from_version_to_code(version: ModelVersion) -> None:
    links = dict(chain(lineage_of(_tested(version, passed=True))))
    assert list(links) == ["version", "gate", "checkpoint", "run", "data", "code"]
    assert "fashion-classifier 3, dataset=synthetic" in links["version"]
    assert links["gate"].startswith("passed, accuracy 0.9123 on fmnist-test-raw@" + "d" * 40 + " (official)")
    assert version.bundle_sha256 in links["checkpoint"]
    assert links["run"] == "run-0 of experiment fmnist-const"
    assert links["data"] == f"fmnist-train-raw@{'89abcdef' * 5} (synthetic)"
    assert version.metadata.provenance.git_commit in links["code"]


def test_a_refusal_names_the_broken_rules(version: ModelVersion) -> None:
    assert dict(chain(lineage_of(_tested(version, passed=False))))["gate"].startswith("refused (size)")


def test_an_overridden_pass_is_shown_with_who_and_why(version: ModelVersion) -> None:
    result = make_result(
        version, make_rule("accuracy", outcome=Outcome.FAIL), override=Override("ada", "it is a test")
    )
    found = lineage_of(replace(version, annotations={ANNOTATION: json.dumps(result.document())}))
    assert found.gate is not None
    assert (found.gate.passed, found.gate.broken) == (True, ("accuracy",))
    line = dict(chain(found))["gate"]
    assert line.startswith("overridden (accuracy) by ada, because it is a test, accuracy 0.95")


def test_an_untested_version_says_so(version: ModelVersion) -> None:
    found = lineage_of(version)
    assert found.gate is None
    assert dict(chain(found))["gate"] == "not tested; run fmnist gate --version 3"


def test_the_run_that_a_training_resumed_from_is_named(version: ModelVersion) -> None:
    provenance = replace(version.metadata.provenance, parent_run="run-7")
    resumed = replace(version, metadata=replace(version.metadata, provenance=provenance))
    assert dict(chain(lineage_of(resumed)))["run"].endswith("resumed from run run-7")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bundle_sha256": "0" * 64}, "is about bundle"),
        ({"annotations": {ANNOTATION: "{}"}}, "not a GateResult"),
        ({"annotations": {ANNOTATION: "half a"}}, "run the gate again"),
    ],
)
def test_a_gate_result_that_is_broken_is_told_and_breaks_nothing(
    version: ModelVersion, changes: dict[str, Any], says: str
) -> None:
    found = lineage_of(replace(_tested(version, passed=True), **changes))
    assert found.gate is None
    line = dict(chain(found))["gate"]
    assert line.startswith("unreadable: version 3 of fashion-classifier")
    assert says in line
