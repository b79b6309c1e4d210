"""No password of a URL is shown, wherever the URL stands and however the command ends."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from fmnist.cli import main
from fmnist.core.logs import JsonFormatter, configure

_SECRET = "hidden-Gr4nite"
_HOST = f"ada:{_SECRET}@127.0.0.1"


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (["models", "list"], {"DET_MASTER": f"http://{_HOST}:9"}),
        (["models", "list"], {"DET_MASTER": "http://127.0.0.1:9", "http_proxy": f"http://{_HOST}:9"}),
        (["models", "list"], {"FMNIST_TRACKING_URI": f"postgresql://{_HOST}:9/db"}),
        (["models", "list"], {"FMNIST_TRACKING_URI": f"mysql://{_HOST}:9/db"}),
        (["models", "list"], {"FMNIST_CATALOGUE_URI": f"postgresql://{_HOST}:9/db"}),
        (["models", "list"], {"FMNIST_CATALOGUE_URI": f"postgresql://{_HOST}:port/db"}),
        (["models", "list"], {"FMNIST_CHECKPOINT_STORAGE": f"ftp://{_HOST}/x"}),
        (["data", "log", "shoes"], {"PACHD_ADDRESS": f"grpc://{_HOST}:9"}),
        (["data", "push", "shoes", "--remote", f"ftp://{_HOST}/x"], {}),
        (["data", "pull", "shoes"], {"FMNIST_DATA_REMOTE": f"https://{_HOST}:9/x"}),
        (["models", "register", "x", "--trigger-pipeline"], {"GITLAB_URL": f"https://{_HOST}"}),
        (["models", "list", "--model", f"http://{_HOST}/x"], {}),
        (["train", "absent.yaml", "--config", f"description=http://{_HOST}/[x"], {}),
        (["predict", "x.png", "--url", f"http://{_HOST}:9/x"], {}),
        (["data", "log", f"http://{_HOST}/x", "too", "many"], {}),
    ],
)
def test_a_command(
    words: list[str],
    variables: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GITLAB_PROJECT", "7")
    monkeypatch.setenv("GITLAB_TRIGGER_TOKEN", _SECRET)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main.main(args=words)
    shown = "".join(capsys.readouterr())
    assert ended.value.code
    assert shown
    assert _SECRET not in shown


def test_an_unexpected_error() -> None:
    code = (
        "from fmnist.core.logs import mask_tracebacks\n"
        f"mask_tracebacks()\nraise KeyError('http://{_HOST}/x')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "KeyError: 'http://ada:***@127.0.0.1/x'"


def test_a_log_line(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("fmnist", logging.INFO, "", 1, "from http://%s/x", (_HOST,), None)
    assert json.loads(JsonFormatter().format(record))["message"] == "from http://ada:***@127.0.0.1/x"
    before = logging.root.handlers[:]
    configure({})
    try:
        assert logging.root.handlers[0].format(record) == "from http://ada:***@127.0.0.1/x"
    finally:
        logging.root.handlers[:] = before
