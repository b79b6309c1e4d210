import json
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.errors import IntegrityError
from fmnist.gate.result import ANNOTATION, GateResult, Override, gate_result
from fmnist.gate.verdict import Interval, Outcome
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


def test_a_forced_pass_says_so_and_keeps_what_the_rules_said(
    version: ModelVersion, result: GateResult
) -> None:
    forced = replace(result, override=Override("ada", "the test set is wrong"))
    read = gate_result(_with(version, forced.document()))
    assert read == forced
    assert (forced.passed, forced.forced, forced.verdict.passed) == (True, True, False)
    assert (result.outcome, forced.outcome) == ("refused", "forced")


def test_an_override_that_was_not_needed_forces_nothing(version: ModelVersion) -> None:
    result = make_result(version, override=Override("ada", "just in case"))
    assert (result.passed, result.forced, result.outcome) == (True, False, "passed")


def test_an_untested_version_has_none(version: ModelVersion) -> None:
    assert gate_result(version) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"passed": True}, "its rules say False"),
        ({"schema_version": 1}, "schema_version is 1"),
        ({"bundle_sha256": "a" * 64}, "is about bundle aaa"),
        ({"rules": [{"name": "accuracy"}]}, "not a gate result"),
        ({"rules": 3}, "not a gate result"),
        ({"test_data": None}, "not a gate result"),
        ({"override": "please"}, "not a gate result"),
        ({"surplus": 1}, "not a gate result"),
    ],
)
def test_a_changed_result_is_not_believed(
    version: ModelVersion, result: GateResult, change: dict[str, object], says: str
) -> None:
    with pytest.raises(IntegrityError, match=rf"version 3 of m, fmnist\.gate: .*{says}"):
        gate_result(_with(version, {**result.document(), **change}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"passed": true}'])
def test_what_is_no_result_is_not_believed(version: ModelVersion, text: str) -> None:
    with pytest.raises(IntegrityError, match="not a gate result"):
        gate_result(replace(version, annotations={ANNOTATION: text}))
