"""The catalogue in a SQLite file and in a real Postgres."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Event as Signal
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from fmnist.catalogue import promotion_log
from fmnist.catalogue import schema as catalogue_schema
from fmnist.catalogue.database import Database
from fmnist.catalogue.promotion_log import PromotionLog
from fmnist.catalogue.promotions import (
    EventType,
    History,
    PromotionEvent,
    Takeover,
    TakeoverKind,
    TenureOutcome,
)
from fmnist.catalogue.verdict_log import VerdictLog
from fmnist.errors import ConfigError, IntegrityError, TimedOut, UnavailableError
from fmnist.settings import from_environment
from fmnist.wiring import promotion_log as open_log
from tests.support import postgres
from tests.support.promotions import served

PASSWORD = "open-sesame"

# Postgres takes no NUL in a text, and nobody types one.
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_TAKEOVERS = st.builds(
    Takeover,
    st.integers(1, 99),
    st.just("a" * 64),
    _TEXTS,
    st.none() | _TEXTS,
    st.none() | st.sampled_from(TenureOutcome),
    st.sampled_from(TakeoverKind),
    st.none() | _TEXTS,
)
_EVENTS = st.builds(
    PromotionEvent, st.just("2026-01-01T00:00:00+00:00"), st.sampled_from(EventType), _TAKEOVERS, _TEXTS
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.running_or_skipped(PASSWORD) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/home/catalogue.db"
    return _emptied(request.getfixturevalue("server"))


def _emptied(server: str) -> str:
    url = server.replace("postgresql://", "postgresql+psycopg2://")
    with Database(url)._engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    return url


def _log(address: str, model: str = "m") -> PromotionLog:
    return PromotionLog(Database(address), model, Path("/nowhere"))


def test_verdicts_of_two_machines_get_two_numbers(address: str) -> None:
    logs = [VerdictLog(Database(address), "m") for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        numbers = list(threads.map(lambda log: [log.add("a" * 64, "ci", "now", 0) for _ in range(4)], logs))
    assert sorted(numbers[0] + numbers[1]) == list(range(1, 9))
    assert logs[0].latest("a" * 64) == {"ci": 8}
    assert logs[0].latest("b" * 64) == {}


def test_a_look_makes_nothing(address: str, tmp_path: Path) -> None:
    assert _log(address).read() == History()
    assert not (tmp_path / "home").exists()


def test_the_migrations_make_the_tables_that_the_code_knows(address: str) -> None:
    database = Database(address)
    with database.writing() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, catalogue_schema.METADATA) == []
        assert context.get_current_revision() == catalogue_schema.REVISION
    config = Config()
    config.set_main_option("script_location", "fmnist.catalogue:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == catalogue_schema.REVISION


@pytest.mark.parametrize("revision", ["1", "2"])
def test_rows_of_earlier_revisions_are_read(address: str, revision: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    config = Config()
    config.set_main_option("script_location", "fmnist.catalogue:migrations")
    with Database(address)._engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        row = f"'m', '2026-01-01', 'serves', 'promotion', 1, '{'a' * 64}', 'ada'"
        columns = "model, time, event, kind, version, bundle_sha256, who"
        connection.execute(text(f"INSERT INTO promotions ({columns}) VALUES ({row})"))
    (event,) = _log(address).read().events
    assert (event.takeover.version, event.takeover.place) == (1, None)
    assert _log(address).read().at("anywhere").serving == event.takeover


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_EVENTS, min_size=1, max_size=4))
def test_what_is_appended_is_read(address: str, events: list[PromotionEvent]) -> None:
    before = _log(address).read().events
    with _log(address).held() as writer:
        for event in events:
            writer.append(event)
    assert _log(address).read() == writer.history == History((*before, *events))


def _append_many(address: str, who: str, start: Signal) -> None:
    start.wait(60)
    for number in range(1, 11):
        with _log(address).held() as writer:
            writer.append(served(number, who=who))


def test_several_open_it_at_once_for_the_first_time(address: str) -> None:
    fork = multiprocessing.get_context("fork")
    start = fork.Event()
    writers = [fork.Process(target=_append_many, args=(address, who, start)) for who in ("ada", "bob", "eve")]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    events = _log(address).read().events
    for who in ("ada", "bob", "eve"):
        versions = [event.takeover.version for event in events if event.takeover.who == who]
        assert versions == list(range(1, 11))


def test_one_promotes_at_a_time(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promotion_log, "_LOCK_SECONDS", 0.1)
    with _log(address).held() as writer:
        writer.append(served(1))
        assert _log(address).read() == writer.history
        with _log(address, "n").held() as other:
            other.append(served(1))
        with (
            pytest.raises(TimedOut, match="promotions of m: another process has been writing"),
            _log(address).held(),
        ):
            pass
    with _log(address).held() as writer:
        assert len(writer.history.events) == 1


def _die(address: str, where: str) -> None:
    takeover = served(2).takeover
    with _log(address).held() as writer:
        writer.append(PromotionEvent("2026-01-02", EventType.BEGUN, takeover))
        if where == "inside a transaction":
            writer._connection.begin()
            writer.insert([PromotionEvent("2026-01-02", EventType.SERVES, takeover)])
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("where", ["between events", "inside a transaction"])
def test_a_kill_leaves_a_pending_takeover_and_no_lock(address: str, where: str) -> None:
    with _log(address).held() as writer:
        writer.append(served(1))
    killed = multiprocessing.get_context("fork").Process(target=_die, args=(address, where))
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    history = _log(address).read()
    assert (history.pending, history.champion) == (served(2).takeover, writer.history.champion)
    with _log(address).held() as writer:
        assert writer.history == history


def test_an_event_that_does_not_reach_the_database_is_none(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _log(address).held() as writer:
        writer.append(served(1))
        whole = writer.history
        with pytest.raises((UnavailableError, IntegrityError)):
            writer.append(served(2, who=None))  # type: ignore[arg-type]
        assert writer.history == _log(address).read() == whole
        writer.append(served(3))
    assert [event.takeover.version for event in _log(address).read().events] == [1, 3]


def test_tables_of_a_newer_fmnist_are_refused(address: str) -> None:
    with Database(address).writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '99'"))
    for use in (_log(address).read, _log(address).held().__enter__):
        with pytest.raises(IntegrityError, match="revision 99, this fmnist knows those up to"):
            use()


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "catalogue.db").write_text("something else entirely\n" * 100)
    with pytest.raises(IntegrityError, match=r"catalogue\.db: not a catalogue of this fmnist"):
        _log(f"sqlite:///{tmp_path}/catalogue.db").read()


@pytest.mark.parametrize("uri", ["catalogue.db", "mysql://ada:secret@db/x", "sqlite://", "://secret"])
def test_an_address_that_cannot_be_used_is_refused_without_its_password(uri: str) -> None:
    with pytest.raises(ConfigError, match="FMNIST_CATALOGUE_URI: expected") as caught:
        Database(uri)
    assert "secret" not in str(caught.value)


def test_a_history_by_its_address(server: str, tmp_path: Path) -> None:
    _emptied(server)
    home = from_environment({"FMNIST_HOME": str(tmp_path / "home"), "FMNIST_CATALOGUE_URI": server})
    with open_log(home, "m").held() as writer:
        writer.append(served(1))
    assert open_log(home, "m").read() == writer.history
    assert not (tmp_path / "home").exists()


def test_a_wrong_password_is_told_and_not_repeated(server: str, tmp_path: Path) -> None:
    wrong = server.replace(PASSWORD, "swordfish")
    home = from_environment({"FMNIST_HOME": str(tmp_path), "FMNIST_CATALOGUE_URI": wrong})
    with pytest.raises(UnavailableError, match="password authentication failed") as caught:
        open_log(home, "m").read()
    assert "swordfish" not in str(caught.value)
