import os
import stat
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fmnist.errors import ConfigError
from fmnist.gate.signing import Key, Keys
from fmnist.settings import PROJECT

_SECRET = "0123456789abcdef0123456789abcdef-planted"


def test_the_machines_key_is_made_on_first_use_for_its_owner_only(tmp_path: Path) -> None:
    keys = Keys.at(tmp_path / "home", {})
    assert keys.of("local") is None
    first = keys.signing()
    assert first.kind == "local"
    assert stat.S_IMODE(keys.file.stat().st_mode) == 0o600
    assert keys.signing() == first == keys.of("local")
    assert list(keys.file.parent.iterdir()) == [keys.file]
    assert Keys.at(tmp_path / "other", {}).signing() != first


def test_make_setup_makes_the_key_and_leaves_one_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / "home" / "gate.key"

    def set_up(**variables: str) -> None:
        environment = {"PATH": os.environ["PATH"], "FMNIST_HOME": str(file.parent), **variables}
        subprocess.run(["scripts/gate-key"], cwd=PROJECT, env=environment, check=True, timeout=60)

    set_up(CI="true")
    assert not file.parent.exists()
    set_up()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = file.read_bytes()
    set_up()
    assert file.read_bytes() == first
    assert Keys.at(file.parent, {}).signing().secret == first.strip()


def test_those_who_come_at_the_same_time_get_one_key(tmp_path: Path) -> None:
    keys = Keys.at(tmp_path, {})
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: keys.signing(), range(8)))
    assert len(set(made)) == 1
    assert list(tmp_path.iterdir()) == [keys.file]


def test_cis_key_goes_before_and_leaves_no_file(tmp_path: Path) -> None:
    keys = Keys.at(tmp_path / "home", {"FMNIST_GATE_KEY": _SECRET})
    assert keys.signing().kind == "ci"
    assert keys.of("ci") == keys.signing()
    assert not keys.file.exists()
    assert Keys.at(tmp_path / "home", {"FMNIST_GATE_KEY": ""}).ci is None


def test_a_short_key_of_cis_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="FMNIST_GATE_KEY: 6 characters, expected at least 32") as caught:
        Keys.at(tmp_path, {"FMNIST_GATE_KEY": "secret"})
    assert "secret" not in str(caught.value)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keys = Keys.at(tmp_path, {})
    keys.signing()
    keys.file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.signing()


def test_a_damaged_key_is_refused_not_replaced(tmp_path: Path) -> None:
    keys = Keys.at(tmp_path, {})
    keys.file.touch(0o600)
    with pytest.raises(ConfigError, match="is not a key"):
        keys.signing()


def test_a_signature_is_of_one_content_by_one_key() -> None:
    key, other = Key("ci", _SECRET.encode()), Key("ci", _SECRET.encode() + b"x")
    signature = key.sign(b"content")
    assert len(signature) == 64
    assert key.signed(b"content", signature)
    assert not key.signed(b"content.", signature)
    assert not key.signed(b"content", signature[:-1])
    assert not key.signed(b"content", "ä")
    assert not other.signed(b"content", signature)
    assert key.id != other.id


def test_a_key_never_shows_itself(tmp_path: Path) -> None:
    keys = Keys.at(tmp_path, {"FMNIST_GATE_KEY": _SECRET})
    shown = [repr(keys), str(keys), f"{keys.signing()}", repr(keys.of("ci")), keys.signing().id]
    try:
        keys.signing().signed(b"", 3)  # type: ignore[arg-type]
    except AttributeError as error:
        shown += [
            str(error),
            *traceback.TracebackException.from_exception(error, capture_locals=True).format(),
        ]
    assert len(shown) > 6
    assert not any("planted" in text for text in shown)


def test_the_gate_prints_no_key_whatever_goes_wrong(tmp_path: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "fmnist.cli.main", "gate", "--json"],
        env={**os.environ, "FMNIST_GATE_KEY": _SECRET, "FMNIST_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert outcome.returncode == 6
    assert "planted" not in outcome.stdout + outcome.stderr
