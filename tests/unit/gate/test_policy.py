from pathlib import Path
from typing import Any

import pytest
import yaml

from fmnist.errors import ConfigError
from fmnist.gate.policy import ACCURACY_FLOOR, read_policy
from fmnist.settings import PROJECT

_GOOD: dict[str, Any] = {
    "schema_version": 2,
    "accuracy": 0.9,
    "macro_precision": 0.9,
    "macro_recall": 0.9,
    "macro_f1": 0.9,
    "recall": {"every_class": 0.7, "exceptions": {"Shirt": 0.5}},
    "champion": {"significance": 0.045},
    "best": {"margin": 0.005, "significance": 0.005},
    "calibration_error": 0.06,
    "drop": dict.fromkeys(("noise", "blur", "brightness", "shift", "contrast"), 0.1),
    "translation_consistency": 0.9,
    "latency_ms": 1.0,
    "size_bytes": 1000,
    "min_images": 100,
}


def _write(folder: Path, content: object) -> Path:
    path = folder / "gate.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_projects_own_policy_asks_for_more_than_the_floor() -> None:
    policy = read_policy(PROJECT / "gate.yaml")
    assert policy.accuracy > ACCURACY_FLOOR == 0.70
    assert policy.recall.of("Shirt") < policy.recall.of("Trouser") == policy.recall.every_class


def test_the_sum_is_of_the_values_not_of_the_text(tmp_path: Path) -> None:
    path = _write(tmp_path, _GOOD)
    first = read_policy(path).sha256()
    path.write_text("# another comment\n" + path.read_text())
    assert read_policy(path).sha256() == first
    assert read_policy(_write(tmp_path, {**_GOOD, "accuracy": 0.91})).sha256() != first


def test_a_policy_with_the_old_names_of_fields_is_the_same(tmp_path: Path) -> None:
    old = {**_GOOD, "steadiness": 0.9, "least_images": 100}
    del old["translation_consistency"], old["min_images"]
    policy = read_policy(_write(tmp_path, old))
    assert policy == read_policy(_write(tmp_path, _GOOD))
    assert policy.sha256() == "8e48e05c91a47f2cb2394f58b239964985f784fe885cb345c895f9d82f177a8c"
    with pytest.raises(ConfigError, match=r"gate\.yaml: steadiness: there is no such key"):
        read_policy(_write(tmp_path, {**_GOOD, "steadiness": 0.9}))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"accuracy": 0.699}, "accuracy: .*0.7.*found 0.699"),
        ({"accuracy": 1.01}, "accuracy"),
        ({"accuracy": float("nan")}, "accuracy"),
        ({"accuracy": "0.9"}, "accuracy: .*found '0.9'"),
        ({"accuracy": True}, "accuracy"),
        ({"acuracy": 0.9}, "acuracy: there is no such key; did you mean accuracy"),
        (
            {"recall": {"every_class": 0.7, "exceptions": {"Shrit": 0.5}}},
            "recall.exceptions.Shrit.*T-shirt/top",
        ),
        ({"recall": {"every_class": 0.7, "exceptons": {}}}, "recall.exceptons"),
        ({"recall": 0.7}, "recall"),
        ({"min_images": 0}, "min_images"),
        ({"latency_ms": 0}, "latency_ms"),
        ({"size_bytes": 1.5}, "size_bytes"),
        ({"schema_version": 1}, "schema_version"),
        ({"champion": {"significance": 0.06}}, "champion.significance"),
        ({"best": {"significance": 0.005}}, "best.margin: is missing"),
        (
            {"best": {"margin": 0.0, "significance": 0.01}},
            "champion.* sum to 0.055, at most 0.05",
        ),
        ({"drop": {**_GOOD["drop"], "fog": 0.1}}, "drop.fog: there is no such key"),
        ({"test_data_commit": "master"}, "test_data_commit: .*found 'master'"),
        ({"test_data_commit": "5149e"}, "test_data_commit: .*found '5149e'"),
        ({"test_data_commit": "0" * 41}, "test_data_commit: .*found '000"),
    ],
)
def test_an_error_names_the_file_and_the_field(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=rf"gate\.yaml: (.*line \d+: )?{field}"):
        read_policy(_write(tmp_path, {**_GOOD, **change}))


@pytest.mark.parametrize("commit", ["5149e8", "5149e826d618", "8d0b3f" + "0" * 26, "5149e8" + "0" * 34])
def test_test_data_are_pinned_by_ids_of_both_stores(tmp_path: Path, commit: str) -> None:
    assert read_policy(_write(tmp_path, {**_GOOD, "test_data_commit": commit})).test_data_commit == commit


@pytest.mark.parametrize("field", sorted(_GOOD))
def test_every_field_must_be_there(tmp_path: Path, field: str) -> None:
    rest = {name: value for name, value in _GOOD.items() if name != field}
    with pytest.raises(ConfigError, match=rf"gate\.yaml: {field}: is missing$"):
        read_policy(_write(tmp_path, rest))


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [", "\x00"])
def test_what_is_no_policy_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"gate\.yaml"):
        read_policy(path)


def test_a_missing_policy_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        read_policy(tmp_path / "absent.yaml")
