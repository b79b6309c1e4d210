from pathlib import Path

import pytest

from fmnist.deployment.local.state import (
    RunningGateway,
    Served,
    ServingState,
    forget_state,
    load_state,
    save_state,
)
from fmnist.errors import IntegrityError


def _served(version: int, weight: int = 0, session: int = 10) -> Served:
    return Served(version, "/b", "0" * 64, session, 1, 2, 3, "/tmp/x", "/log", weight)


GATEWAY = RunningGateway(9, 8080, 9901, "/seldon/default/m", "/log")


OLD = """{
  "schema_version": 1,
  "gateway": {"session": 9, "port": 8080, "admin_port": 9901, "path": "/seldon/default/m", "log": "/log"},
  "served": [
    {
      "version": 1, "bundle": "/b", "bundle_sha256": "%s", "session": 10, "http_port": 1, "grpc_port": 2,
      "metrics_port": 3, "scratch": "/tmp/x", "log": "/log", "weight": 100
    }
  ]
}
"""
"""state.json of schema version 1, before the catalogue."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The serving folder of a home in which something was started before."""
    folder = tmp_path / "home" / "serving"
    folder.mkdir(parents=True)
    return folder


def test_what_was_saved_is_loaded(folder: Path) -> None:
    state = ServingState(GATEWAY, (_served(1, 100), _served(2)))
    save_state(folder, state)
    assert load_state(folder) == state
    forget_state(folder)
    assert load_state(folder) == ServingState()
    forget_state(folder)


def test_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    assert load_state(tmp_path / "home" / "serving") == ServingState()
    forget_state(tmp_path / "home" / "serving")
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_earlier_versions_counts_until_the_state_is_saved(folder: Path) -> None:
    old = ServingState(GATEWAY, (_served(1, 100),))
    (folder / "state.json").write_text(OLD % ("0" * 64))
    assert load_state(folder) == old
    save_state(folder, old.with_version(_served(2)))
    assert load_state(folder) == old.with_version(_served(2))
    forget_state(folder)
    assert load_state(folder) == ServingState()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema_version": 2}', '{"schema_version": 1, "gateway": {"pid": 1}}']
)
def test_a_damaged_state_is_named_with_the_way_out(folder: Path, text: str) -> None:
    (folder / "state.json").write_text(text)
    with pytest.raises(IntegrityError, match=r"state\.json.*fmnist down"):
        load_state(folder)
    forget_state(folder)
    assert load_state(folder) == ServingState()


def test_a_version_takes_its_own_place() -> None:
    state = ServingState(None, (_served(1), _served(3)))
    assert [one.version for one in state.with_version(_served(2)).served] == [1, 2, 3]
    again = state.with_version(_served(3, session=11))
    assert [(one.version, one.session) for one in again.served] == [(1, 10), (3, 11)]
    assert state.without_version(1).served == (_served(3),)
    assert state.version(3) == _served(3)
    assert state.version(2) is None


def test_versions_that_are_not_named_get_no_traffic() -> None:
    state = ServingState(None, (_served(1, 100), _served(2)))
    assert [one.weight for one in state.with_weights({2: 100}).served] == [0, 100]


def test_the_url_is_on_this_machine() -> None:
    assert GATEWAY.url == "http://127.0.0.1:8080/seldon/default/m"
