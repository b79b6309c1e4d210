import json
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.bundle import DataReference
from fmnist.errors import IntegrityError
from fmnist.gate.result import ANNOTATION, GateResult, gate_result
from fmnist.gate.verdict import Rule, Verdict
from fmnist.registry.base import ModelVersion
from tests.support.bundles import make_bundle

_RESULT = GateResult(
    verdict=Verdict(
        (Rule("accuracy", 0.91, 0.9, True, "0.91 of …"), Rule("size", 9, 5, False, "9 bytes, at most 5"))
    ),
    bundle_sha256="b" * 64,
    policy_sha256="c" * 64,
    test_data=DataReference("fmnist-test-raw", "d" * 40, "official", {"images": "e" * 64}),
    time="2026-01-02T03:04:05+00:00",
)


@pytest.fixture
def version(tmp_path: Path) -> ModelVersion:
    metadata = make_bundle(tmp_path / "bundle").metadata
    return ModelVersion("m", 3, "2026-01-01T00:00:00+00:00", "b" * 64, metadata, {})


def _with(version: ModelVersion, document: object) -> ModelVersion:
    return replace(version, annotations={ANNOTATION: json.dumps(document)})


def test_what_was_written_is_read_back(version: ModelVersion) -> None:
    assert gate_result(_with(version, _RESULT.document())) == _RESULT
    assert not _RESULT.passed
    assert _RESULT.accuracy == 0.91


def test_an_untested_version_has_none(version: ModelVersion) -> None:
    assert gate_result(version) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"passed": True}, "its rules say False"),
        ({"schema_version": 2}, "schema_version is 2"),
        ({"bundle_sha256": "a" * 64}, "is about bundle aaa"),
        ({"rules": [{"name": "accuracy"}]}, "not a gate result"),
        ({"rules": 3}, "not a gate result"),
        ({"test_data": None}, "not a gate result"),
    ],
)
def test_a_changed_result_is_not_believed(
    version: ModelVersion, change: dict[str, object], says: str
) -> None:
    with pytest.raises(IntegrityError, match=rf"version 3 of m, fmnist\.gate: .*{says}"):
        gate_result(_with(version, {**_RESULT.document(), **change}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"passed": true}'])
def test_what_is_no_result_is_not_believed(version: ModelVersion, text: str) -> None:
    with pytest.raises(IntegrityError, match="not a gate result"):
        gate_result(replace(version, annotations={ANNOTATION: text}))
