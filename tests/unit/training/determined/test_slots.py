"""Processes of a trial with several slots."""

import sys
import time
from pathlib import Path

import pytest

from fmnist.training.determined import slots


def each(body: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", body])
    return slots.run_each([{"NUMBER": "0"}, {"NUMBER": "1"}])


def test_a_process_for_each_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = f"import os, pathlib; pathlib.Path({str(tmp_path)!r}, os.environ['NUMBER']).touch()"
    assert each(body, monkeypatch) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


def test_when_one_fails_the_others_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.monotonic()
    assert (
        each("import os, sys, time; time.sleep(60 * int(os.environ['NUMBER'])); sys.exit(6)", monkeypatch)
        == 6
    )
    assert each("import os, time; time.sleep(60 * int(os.environ['NUMBER'])); os.abort()", monkeypatch) == 134
    assert time.monotonic() - start < 30
