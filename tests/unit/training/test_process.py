"""How ``fmnist train`` and its child end together, with a stand-in for the training."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fmnist.training import process as child
from tests.support.bundles import make_bundle


def stand_in(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "stand_in.py").write_text(body)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr(child, "_ENTRY_POINT", "stand_in")


def test_the_last_line_names_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    stand_in(tmp_path, f"print('chatter')\nprint({str(bundle.folder)!r})", monkeypatch)
    assert child.train_in_child([]) == bundle


def test_the_arguments_and_the_exit_code_are_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, "import sys; sys.exit(int(sys.argv[1]))", monkeypatch)
    with pytest.raises(SystemExit) as caught:
        child.train_in_child(["7"])
    assert caught.value.code == 7


def test_a_killed_child_is_told_by_the_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "import os; os.kill(os.getpid(), 9)", monkeypatch)
    with pytest.raises(SystemExit) as caught:
        child.train_in_child([])
    assert caught.value.code == 137


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_child_ends_with_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "stand_in.py").write_text(
        "import os, time; open('pid', 'w').write(f'{os.getpid()} '); time.sleep(60)"
    )
    program = "from fmnist.training import child; child._ENTRY_POINT = 'stand_in'; child.train_in_child([])"
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 30
        while not (pid := tmp_path / "pid").is_file() or not pid.read_text().endswith(" "):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        parent.send_signal(number)
        assert parent.wait(30) != 0
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)
    finally:
        if parent.poll() is None:
            os.killpg(parent.pid, signal.SIGKILL)
            parent.wait(10)


def each(body: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", body])
    return child.run_each([{"NUMBER": "0"}, {"NUMBER": "1"}])


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
