import json
import logging
from collections.abc import Iterator

import pytest

from fmnist.core import logs
from fmnist.errors import ConfigError


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logs, "_ids", {})
    root, own = logging.getLogger(), logging.getLogger("fmnist")
    handlers, levels = list(root.handlers), (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])


def test_json_lines_parse_and_have_the_ids(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure({"FMNIST_LOG_FORMAT": "json"})
    logs.bind(data_commit="8d0b3f", version=3)
    logging.getLogger("fmnist.jobs").info('two\nlines and "quotes"')
    logging.getLogger("elsewhere").info("not of interest")
    try:
        raise ValueError("boo")
    except ValueError:
        logging.getLogger("fmnist.jobs").exception("failed")
    first, second = map(json.loads, capfd.readouterr().err.splitlines())
    assert first["message"] == 'two\nlines and "quotes"'
    assert (first["data_commit"], first["version"], first["level"]) == ("8d0b3f", "3", "info")
    assert first["time"].endswith("+00:00")
    assert "ValueError: boo" in second["exception"]


def test_lines_are_text_unless_asked_otherwise(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure({})
    logs.bind(version=3)
    logging.getLogger("fmnist.jobs").info("checking")
    assert capfd.readouterr().err == "checking\n"


def test_another_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="FMNIST_LOG_FORMAT: expected text or json, got 'xml'"):
        logs.configure({"FMNIST_LOG_FORMAT": "xml"})
