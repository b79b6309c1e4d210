"""The entry that GitLab calls, where the gate itself does not come to an end."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from fmnist.settings import PROJECT
from fmnist.test.test_model_accuracy import NO_VERDICT


def test_a_gate_that_is_cut_off_is_one_error_and_no_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def cut_off(*_: object) -> None:
        pytest.fail("Timeout (>780.0s) from pytest-timeout.")

    monkeypatch.setattr("fmnist.test.test_model_accuracy.run", cut_off)
    entry = PROJECT / "fmnist" / "test" / "test_model_accuracy.py"
    results = tmp_path / "junit.xml"
    # Without the plugin that collects garbage ten times at the end: a second where much is loaded.
    plugins = ["-p", "no:cacheprovider", "-p", "no:unraisableexception"]
    code = pytest.main([str(entry), *plugins, f"--junitxml={results}", "--color=no"])
    assert code == NO_VERDICT
    (case,) = ElementTree.parse(results).iter("testcase")
    (error,) = case.findall("error")
    assert "Timeout" in (error.text or "")
