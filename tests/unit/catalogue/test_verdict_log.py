from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fmnist.catalogue.database import Database
from fmnist.catalogue.verdict_log import VerdictLog

_NOW = "2026-01-01T00:00:00+00:00"
_A, _B = "a" * 64, "b" * 64


@pytest.fixture
def log(tmp_path: Path) -> VerdictLog:
    return VerdictLog(Database.of_home(tmp_path / "home"), "m")


def test_before_the_first_verdict_there_is_nothing_and_nothing_is_made(
    log: VerdictLog, tmp_path: Path
) -> None:
    assert log.latest(_A) == {}
    assert not (tmp_path / "home").exists()


def test_each_bundle_has_numbers_of_its_own_whoever_signs(log: VerdictLog) -> None:
    assert [log.add(_A, key, _NOW, 0) for key in ("local", "ci", "local")] == [1, 2, 3]
    assert log.add(_B, "ci", _NOW, 0) == 1
    assert (log.latest(_A), log.latest(_B)) == ({"local": 3, "ci": 2}, {"ci": 1})


def test_a_number_is_greater_than_those_of_other_machines(log: VerdictLog) -> None:
    assert [log.add(_A, "ci", _NOW, 7), log.add(_A, "ci", _NOW, 2)] == [8, 9]


def test_another_models_verdicts_are_others(log: VerdictLog, tmp_path: Path) -> None:
    log.add(_A, "ci", _NOW, 0)
    assert VerdictLog(Database.of_home(tmp_path / "home"), "n").latest(_A) == {}


def test_two_at_once_get_two_numbers(log: VerdictLog) -> None:
    with ThreadPoolExecutor(4) as threads:
        numbers = list(threads.map(lambda _: log.add(_A, "ci", _NOW, 0), range(8)))
    assert sorted(numbers) == list(range(1, 9))
