import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmnist.catalogue.history import End, Entry, Event, History, Takeover
from fmnist.catalogue.promotion_log import PromotionLog
from fmnist.errors import InputError, IntegrityError, UnavailableError

_TAKEOVERS = st.builds(
    Takeover,
    st.integers(1, 99),
    st.just("a" * 64),
    st.text(),
    st.none() | st.text(),
    st.none() | st.sampled_from(End),
)
_ENTRIES = st.builds(Entry, st.just("2026-01-01T00:00:00+00:00"), st.sampled_from(Event), _TAKEOVERS)


def _entry(version: int, who: str = "ada") -> Entry:
    return Entry("2026-01-01T00:00:00+00:00", Event.SERVES, Takeover(version, "a" * 64, who, "näher\n", None))


@pytest.fixture
def log(tmp_path: Path) -> PromotionLog:
    return PromotionLog(tmp_path / "promotions", "m")


def test_a_look_leaves_nothing_behind(log: PromotionLog, tmp_path: Path) -> None:
    assert log.read() == History()
    assert list(tmp_path.iterdir()) == []


def test_a_model_has_a_log_of_its_own_and_no_path_for_a_name(tmp_path: Path) -> None:
    with PromotionLog(tmp_path, "m").held() as writer:
        writer.append(_entry(1))
    assert PromotionLog(tmp_path, "n").read() == History()
    with pytest.raises(InputError, match="model name"):
        PromotionLog(tmp_path, "../m")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_ENTRIES, min_size=1, max_size=4), st.data())
def test_whatever_a_kill_leaves_of_the_last_line_the_others_stay(
    log: PromotionLog, entries: list[Entry], data: st.DataObject
) -> None:
    log.path.unlink(missing_ok=True)
    for entry in entries:
        with log.held() as writer:
            writer.append(entry)
    assert log.read() == History(tuple(entries))
    content = log.path.read_bytes()
    start = content[:-1].rfind(b"\n") + 1
    log.path.write_bytes(content[: data.draw(st.integers(start, len(content) - 1))])
    assert log.read() == History(tuple(entries[:-1]))
    with log.held() as writer:
        writer.append(entries[0])
        assert writer.history == log.read() == History((*entries[:-1], entries[0]))
    assert log.path.read_bytes().startswith(content[:start])


@pytest.mark.parametrize(
    "line", [b"{}", b"no json", b'{"schema_version": 2}', b'{"schema_version": 1, "event": "serves"}', b""]
)
def test_a_damaged_line_is_named(log: PromotionLog, line: bytes) -> None:
    with log.held() as writer:
        writer.append(_entry(1))
    log.path.write_bytes(log.path.read_bytes() + line + b"\n")
    with pytest.raises(IntegrityError, match=r"m\.jsonl, line 2"):
        log.read()


def test_each_line_says_its_schema(log: PromotionLog) -> None:
    with log.held() as writer:
        writer.append(_entry(1))
    assert json.loads(log.path.read_text())["schema_version"] == 1


def test_a_line_that_does_not_reach_the_disk_is_none(
    log: PromotionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    with log.held() as writer:
        writer.append(_entry(1))
        before = log.path.read_bytes()
        monkeypatch.setattr("os.fsync", _full)
        with pytest.raises(UnavailableError, match="No space left"):
            writer.append(_entry(2))
        assert writer.history == log.read()
    assert log.path.read_bytes() == before


def _full(handle: int) -> None:
    raise OSError(28, "No space left on device")


def _append_many(folder: Path, who: str) -> None:
    for number in range(1, 21):
        with PromotionLog(folder, "m").held() as writer:
            writer.append(_entry(number, who))


def test_two_writers_keep_each_others_lines(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("fork")
    writers = [spawn.Process(target=_append_many, args=(tmp_path, who)) for who in ("ada", "bob")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    entries = PromotionLog(tmp_path, "m").read().entries
    for who in ("ada", "bob"):
        versions = [entry.takeover.version for entry in entries if entry.takeover.who == who]
        assert versions == list(range(1, 21))
