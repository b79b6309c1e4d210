import json
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.errors import IntegrityError
from fmnist.gate.verdict import ANNOTATION, GateResult, Interval, Outcome, Override, gate_result
from fmnist.registry.base import ModelVersion
from tests.support.bundles import make_bundle
from tests.support.results import make_result, make_rule


@pytest.fixture
def version(tmp_path: Path) -> ModelVersion:
    metadata = make_bundle(tmp_path / "bundle").metadata
    return ModelVersion("m", 3, "2026-01-01T00:00:00+00:00", "b" * 64, metadata, {})


@pytest.fixture
def result(version: ModelVersion) -> GateResult:
    rules = (
        make_rule("accuracy", measured=0.91, uncertainty=Interval(0.9, 0.92)),
        make_rule("champion", outcome=Outcome.NOT_APPLICABLE, measured=None, bound=None),
        make_rule("size", outcome=Outcome.FAIL),
    )
    return make_result(version, *rules, champion=2, best=1, pipeline="https://ci/1")


def _with(version: ModelVersion, document: object) -> ModelVersion:
    return replace(version, annotations={ANNOTATION: json.dumps(document)})


def test_what_was_written_is_read_back(version: ModelVersion, result: GateResult) -> None:
    assert gate_result(_with(version, result.document())) == result
    assert not result.passed
    assert result.accuracy == 0.91


def test_an_override_passes_and_keeps_the_rules_outcomes(version: ModelVersion, result: GateResult) -> None:
    overridden = replace(result, override=Override("ada", "the test set is wrong"))
    read = gate_result(_with(version, overridden.document()))
    assert read == overridden
    assert (overridden.passed, overridden.overridden, overridden.verdict.passed) == (True, True, False)
    assert (result.status, overridden.status) == ("refused", "overridden")


def test_an_override_that_was_not_needed_changes_nothing(version: ModelVersion) -> None:
    result = make_result(version, override=Override("ada", "just in case"))
    assert (result.passed, result.overridden, result.status) == (True, False, "passed")


def test_an_untested_version_has_none(version: ModelVersion) -> None:
    assert gate_result(version) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"passed": True}, "its rules say False"),
        ({"schema_version": 1}, "schema_version is 1"),
        ({"bundle_sha256": "a" * 64}, "is about bundle aaa"),
        ({"rules": [{"name": "accuracy"}]}, "not a GateResult"),
        ({"rules": 3}, "not a GateResult"),
        ({"test_data": None}, "not a GateResult"),
        ({"override": "please"}, "not a GateResult"),
        ({"surplus": 1}, "not a GateResult"),
    ],
)
def test_a_changed_result_is_not_believed(
    version: ModelVersion, result: GateResult, change: dict[str, object], says: str
) -> None:
    with pytest.raises(IntegrityError, match=rf"version 3 of m, fmnist\.gate: .*{says}"):
        gate_result(_with(version, {**result.document(), **change}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"passed": true}'])
def test_what_is_no_result_is_not_believed(version: ModelVersion, text: str) -> None:
    with pytest.raises(IntegrityError, match="not a GateResult"):
        gate_result(replace(version, annotations={ANNOTATION: text}))
