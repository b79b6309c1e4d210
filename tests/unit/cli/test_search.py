import json
import math
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from fmnist.cli.search import search
from fmnist.core.provenance import DataReference
from fmnist.errors import ConfigError, IntegrityError, NotFoundError
from fmnist.experiments import load_experiment
from fmnist.jobs import search as job
from fmnist.search.asha import plan_of
from fmnist.search.optuna.study import Study
from fmnist.search.study_folder import study_folder
from fmnist.search.trial import SearchResult, Trial, TrialState
from fmnist.settings import PROJECT, from_environment
from tests.support.experiments import RANDOM, experiment

ADAPTIVE = str(PROJECT / "adaptive.yaml")
POINT = {"epochs": 4, "dropout": 0.1}
BEST = Trial(0, TrialState.COMPLETED, 4, (1, 4), POINT, 0.91, Path("/checkpoints/trial-0"))
STOPPED = Trial(1, TrialState.STOPPED, 1, (1, 4), {"dropout": 0.2}, 0.85, Path("/checkpoints/trial-1"))
FAILED = Trial(2, TrialState.FAILED, 0, (1, 4), {"dropout": 0.3}, None, None, "no such luck")


@pytest.fixture
def result(monkeypatch: pytest.MonkeyPatch) -> SearchResult:
    made = SearchResult("fmnist-adaptive", (BEST, STOPPED, FAILED), BEST)
    monkeypatch.setattr(job, "search_file", lambda *_, **__: made)
    return made


def test_json_ends_with_one_line_that_holds_every_trial(result: SearchResult) -> None:
    done = CliRunner().invoke(search, [ADAPTIVE, "--json"], catch_exceptions=False)
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
    done = CliRunner().invoke(search, [ADAPTIVE], catch_exceptions=False)
    lines = done.stdout.splitlines()
    assert lines[-2:] == ["best: trial 0, accuracy 0.9100", "/checkpoints/trial-0"]
    assert any("1✓ 4✓" in line for line in lines)
    assert any("1✗ 4·" in line for line in lines)
    assert "no such luck" in done.output


def test_a_metric_that_is_no_number_is_null(result: SearchResult, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = replace(result, trials=(BEST, replace(STOPPED, metric=math.nan)))
    monkeypatch.setattr(job, "search_file", lambda *_, **__: strange)
    done = CliRunner().invoke(search, ["--json", ADAPTIVE], catch_exceptions=False)
    assert json.loads(done.stdout)["trials"][1]["metric"] is None


def test_help_tells_of_both_commands() -> None:
    told = CliRunner().invoke(search, ["--help"]).stdout
    assert "search [OPTIONS] FILE" in told
    assert "search show [STUDY]" in told
    assert "--write-const" in told


def test_exponents_that_look_like_values_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    rate = "hyperparameters.optimizer.learning_rate={type: log, base: 10, minval: 0.0001, maxval: 0.1}"
    done = CliRunner().invoke(search, [ADAPTIVE, "--config", rate])
    assert isinstance(done.exception, NotFoundError)
    assert "warning: " in done.stderr
    assert "for values from 0.0001 to 0.1 write minval: -4, maxval: -1" in done.stderr


def test_a_wrong_file_is_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    with pytest.raises(ConfigError, match="they must be equal"):
        CliRunner().invoke(search, [ADAPTIVE, "--config", "searcher.max_time=3"], catch_exceptions=False)
    assert not (tmp_path / "home").exists()


def test_without_data_it_says_how_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    with pytest.raises(NotFoundError, match="fmnist data fetch"):
        CliRunner().invoke(search, [ADAPTIVE], catch_exceptions=False)


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of four trials, the last one going on."""
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path))
    settings = from_environment()
    made = experiment({**RANDOM, "max_trials": 4}, epochs=2)
    data = DataReference("fmnist-train-raw", "a" * 40, "synthetic", {})
    with study_folder(settings, made, data, fresh=False) as folder:
        study = Study(folder / "journal.log", made, plan_of(made))
        while (number := study.next()) is not None:
            study.report(number, 1, 0.5)
            if number == 3:
                break
            study.report(number, 2, 0.6 + number / 100)
            study.finish(number, tmp_path / f"trial-{number}")
    return settings.studies


def test_show_prints_the_trials_and_draws_pictures(studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "pictures"
    done = CliRunner().invoke(search, ["show", "--out", str(out)], catch_exceptions=False)
    assert "study fmnist-adaptive, random, on fmnist-train-raw@aaaaaaaaaaaa" in done.stdout
    assert f"best: trial 2, accuracy 0.6200, {tmp_path / 'trial-2'}" in done.stdout
    assert {path.name for path in out.iterdir()} == {"learning-curves.png", "parallel-coordinates.png"}
    assert all(str(path) in done.stdout for path in out.iterdir())
    command = done.stdout.splitlines()[-1]
    assert command.startswith("dashboard: ")
    assert command.endswith(f"JournalFileStorage {studies / 'fmnist-adaptive' / 'journal.log'}")


def test_show_for_machines_has_every_trial(studies: Path) -> None:
    done = CliRunner().invoke(search, ["show", "fmnist-adaptive", "--json"], catch_exceptions=False)
    document = json.loads(done.stdout)
    assert document["best"] == 2
    assert [trial["state"] for trial in document["trials"]] == ["completed"] * 3 + ["running"]
    assert [trial["epochs"] for trial in document["trials"]] == [2, 2, 2, 1]
    assert document["trials"][2]["hyperparameters"]["optimizer"]["name"] == "adamw"
    assert all(Path(path).is_file() for path in document["pictures"])


def test_show_writes_the_winner(studies: Path, tmp_path: Path) -> None:
    const = tmp_path / "const.yaml"
    arguments = ["show", "--write-const", str(const)]
    CliRunner().invoke(search, arguments, catch_exceptions=False)
    document = json.loads(CliRunner().invoke(search, ["show", "--json"]).stdout)
    assert load_experiment(const).constants() == document["trials"][2]["hyperparameters"]


def test_the_commands_of_the_documentation(
    studies: Path, result: SearchResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("adaptive.yaml", "const.yaml"):
        shutil.copy(PROJECT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    text = (PROJECT / "docs/search.md").read_text()
    blocks = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    commands = re.findall(r"(?m)^fmnist search (.*)$", blocks)
    assert len(commands) == 5
    for command in commands:
        done = CliRunner().invoke(search, shlex.split(command), catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert "# From study fmnist-adaptive, trial 2" in (tmp_path / "const.yaml").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "example.yaml").write_text(f"entrypoint: 'true'\n{example}")
    assert load_experiment(tmp_path / "example.yaml").warnings == ()


def test_show_names_the_studies_that_there_are(studies: Path) -> None:
    with pytest.raises(NotFoundError, match="no study nothing; there are fmnist-adaptive"):
        CliRunner().invoke(search, ["show", "nothing"], catch_exceptions=False)


def test_show_says_how_to_make_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path))
    with pytest.raises(NotFoundError, match=r"no study; fmnist search adaptive\.yaml creates one"):
        CliRunner().invoke(search, ["show"], catch_exceptions=False)


def test_a_study_that_cannot_be_read_is_named(studies: Path) -> None:
    (studies / "fmnist-adaptive" / "study.json").write_text('{"searcher": 1}')
    with pytest.raises(IntegrityError, match=r"study\.json: does not describe a study"):
        CliRunner().invoke(search, ["show"], catch_exceptions=False)
