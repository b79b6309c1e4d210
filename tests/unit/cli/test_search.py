import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fmnist.cli import search as module
from fmnist.errors import ConfigError, NotFoundError
from fmnist.search.base import SearchResult, Trial, TrialState
from fmnist.settings import PROJECT

ADAPTIVE = str(PROJECT / "adaptive.yaml")
BEST = Trial(0, TrialState.COMPLETED, 4, (1, 4), {"dropout": 0.1}, 0.91, Path("/checkpoints/trial-0"))
STOPPED = Trial(1, TrialState.STOPPED, 1, (1, 4), {"dropout": 0.2}, 0.85, Path("/checkpoints/trial-1"))
FAILED = Trial(2, TrialState.FAILED, 0, (1, 4), {"dropout": 0.3}, None, None, "no such luck")


@pytest.fixture
def result(monkeypatch: pytest.MonkeyPatch) -> SearchResult:
    made = SearchResult("fmnist-adaptive", (BEST, STOPPED, FAILED), BEST)
    monkeypatch.setattr(module, "_search", lambda *_: made)
    return made


def test_json_ends_with_one_line_that_holds_every_trial(result: SearchResult) -> None:
    done = CliRunner().invoke(module.search, [ADAPTIVE, "--json"], catch_exceptions=False)
    document = json.loads(done.stdout.splitlines()[-1])
    assert document["best"] == 0
    assert document["checkpoint"] == "/checkpoints/trial-0"
    assert [trial["state"] for trial in document["trials"]] == ["completed", "stopped", "failed"]
    assert document["trials"][1] == {
        "id": 1,
        "state": "stopped",
        "epochs": 1,
        "hyperparameters": {"dropout": 0.2},
        "metric": 0.85,
        "error": None,
        "checkpoint": "/checkpoints/trial-1",
    }


def test_people_see_a_ranking_and_the_best_checkpoint(result: SearchResult) -> None:
    done = CliRunner().invoke(module.search, [ADAPTIVE], catch_exceptions=False)
    lines = done.stdout.splitlines()
    assert lines[-2:] == ["best: trial 0, accuracy 0.9100", "/checkpoints/trial-0"]
    assert any("1✓ 4✓" in line for line in lines)
    assert any("1✗ 4·" in line for line in lines)
    assert "no such luck" in done.output


def test_a_wrong_file_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    with pytest.raises(ConfigError, match="they must be equal"):
        CliRunner().invoke(
            module.search, [ADAPTIVE, "--config", "searcher.max_time=3"], catch_exceptions=False
        )
    assert not (tmp_path / "home").exists()


def test_without_data_it_says_how_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    with pytest.raises(NotFoundError, match="fmnist data fetch"):
        CliRunner().invoke(module.search, [ADAPTIVE], catch_exceptions=False)
