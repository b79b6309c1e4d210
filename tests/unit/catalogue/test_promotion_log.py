import json
from pathlib import Path
from typing import Any

import pytest

from fmnist.catalogue.database import Database
from fmnist.catalogue.promotion_log import PromotionLog
from fmnist.catalogue.promotions import EventType, History, PromotionEvent, Takeover, TenureOutcome
from fmnist.errors import InputError, IntegrityError
from tests.support.promotions import make_log, served

OLD = (
    '{"schema_version": 1, "time": "2026-01-01T00:00:00+00:00", "event": "begun", "takeover": {"version": 1,'
    ' "bundle_sha256": "aa", "who": "ada", "reason": "n\\u00e4her\\n", "ends": null}, "note": null}',
    '{"schema_version": 1, "time": "2026-01-01T00:00:01+00:00", "event": "serves", "takeover": {"version": 1,'
    ' "bundle_sha256": "aa", "who": "ada", "reason": "n\\u00e4her\\n", "ends": null}, "note": null}',
    '{"schema_version": 1, "time": "2026-01-02T00:00:00+00:00", "event": "failed", "takeover": {"version": 2,'
    ' "bundle_sha256": "bb", "who": "bob", "reason": null, "ends": "rolled back"}, "note": "it died"}',
)
"""Lines of schema version 1, before the catalogue."""


@pytest.fixture
def log(tmp_path: Path) -> PromotionLog:
    return make_log(tmp_path)


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "promotions" / "m.jsonl"
    path.parent.mkdir()
    path.write_text("".join(f"{line}\n" for line in OLD))
    return path


def test_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    assert make_log(tmp_path / "home").read() == History()
    assert list(tmp_path.iterdir()) == []


def test_a_model_has_a_history_of_its_own_and_no_path_for_a_name(tmp_path: Path) -> None:
    with make_log(tmp_path, "m").held() as writer:
        writer.append(served(1))
    assert make_log(tmp_path, "n").read() == History()
    with pytest.raises(InputError, match="model name"):
        make_log(tmp_path, "../m")


def test_the_file_of_earlier_versions_is_read_and_imported_by_the_first_writer(
    log: PromotionLog, old_file: Path
) -> None:
    before = log.read()
    assert [event.event for event in before.events] == ["begun", "serves", "failed"]
    takeover = Takeover(2, "bb", "bob", None, TenureOutcome.ROLLED_BACK)
    assert before.events[2] == PromotionEvent(
        "2026-01-02T00:00:00+00:00", EventType.FAILED, takeover, "it died"
    )
    assert before.champion is not None
    assert (before.champion.version, before.champion.reason) == (1, "näher\n")
    with log.held() as writer:
        assert writer.history == before
    old_file.write_text("damaged\n")
    for _ in range(2):
        with log.held() as writer:
            assert writer.history == log.read() == before


def test_a_part_of_the_last_line_is_no_line(log: PromotionLog, old_file: Path) -> None:
    whole = log.read().events
    content = old_file.read_bytes()
    for size in (len(content) - 1, len(content) - 90):
        old_file.write_bytes(content[:size])
        assert log.read().events == whole[:2]


@pytest.mark.parametrize(
    "line", [b"{}", b"no json", b'{"schema_version": 2}', b'{"schema_version": 1, "event": "serves"}', b""]
)
def test_a_damaged_line_is_named_and_nothing_is_imported(
    log: PromotionLog, old_file: Path, line: bytes
) -> None:
    old_file.write_bytes(old_file.read_bytes() + line + b"\n")
    for read in (log.read, log.held().__enter__):
        with pytest.raises(IntegrityError, match=r"m\.jsonl, line 4"):
            read()
    old_file.unlink()
    assert log.read() == History()


@pytest.mark.parametrize(
    "field", [{"event": "danced"}, {"takeover": {**json.loads(OLD[0])["takeover"], "ends": "happily"}}]
)
def test_words_that_are_unknown_are_damage(log: PromotionLog, old_file: Path, field: dict[str, Any]) -> None:
    old_file.write_text(json.dumps({**json.loads(OLD[0]), **field}) + "\n")
    with pytest.raises(IntegrityError, match=r"m\.jsonl, line 1: not an entry of a promotion log"):
        log.read()


def test_a_row_of_another_fmnist_is_named(log: PromotionLog, tmp_path: Path) -> None:
    with log.held() as writer:
        writer.append(served(1))
    with Database.of_home(tmp_path).writing() as connection:
        connection.exec_driver_sql("UPDATE promotions SET event = 'danced'")
    with pytest.raises(IntegrityError, match=r"catalogue\.db, promotions, row 1: .*danced"):
        log.read()
