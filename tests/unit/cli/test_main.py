import subprocess
import sys

import click
import pytest

from fmnist.cli import main
from fmnist.cli.console import pass_settings
from fmnist.settings import Settings


def test_a_missing_extra_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "determined", None)
    monkeypatch.setenv("DET_MASTER", "http://127.0.0.1:9")
    for name in [
        name for name in sys.modules if name.startswith(("fmnist.registry.determined", "determined."))
    ]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit) as ended:
        main.main(args=["models", "list"])
    assert ended.value.code == 5
    assert "fmnist: determined is not installed; make extras adds it to .venv\n" in capsys.readouterr().err


def test_help_reads_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "fmnist.cli.main"]
    for words in (["--help"], ["models", "list", "--help"]):
        environment = {"FMNIST_GATEWAY_PORT": "no port", "PATH": ""}
        subprocess.run([*command, *words], env=environment, check=True, capture_output=True)
    code = "import sys; from fmnist.cli import main; print('pydantic' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout == "False\n"


def test_settings_are_read_once_for_all_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Settings] = []

    @click.group()
    @click.pass_context
    @pass_settings
    def group(settings: Settings, context: click.Context) -> None:
        given.append(settings)

    @group.command()
    @pass_settings
    def verb(settings: Settings) -> None:
        given.append(settings)

    group(["verb"], standalone_mode=False)
    assert given[0] is given[1]
