import getpass
import os
from pathlib import Path

import pytest

from fmnist.core.machine import complete_user


def test_a_user_id_without_a_passwd_entry_gets_a_name_and_a_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unknown(*_: object) -> None:
        raise KeyError("getpwuid(): uid not found: 12345")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    complete_user(tmp_path)
    assert getpass.getuser() == f"uid-{os.getuid()}"
    assert Path.home() == tmp_path


def test_whoever_has_a_name_keeps_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.setenv("HOME", str(tmp_path))
    complete_user(Path("/nowhere"))
    assert (getpass.getuser(), Path.home()) == ("ada", tmp_path)
