"""What ``.gitlab-ci.yml`` promises to whoever reads or copies it."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fmnist.settings import PROJECT
from fmnist.test.test_model_accuracy import NO_VERDICT

TEXT = (PROJECT / ".gitlab-ci.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
_GLOBAL = {"stages", "variables", "workflow", "default"}
JOBS = {name: job for name, job in FILE.items() if name not in _GLOBAL and not name.startswith(".")}
_SECRET = re.compile(
    r"glpat-|glptt-|glcbt-|-----BEGIN|[0-9a-f]{32}|(?i:token|password|secret|key)\w*\s*[:=]\s*\w{8}"
)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_calls_one_target_of_the_makefile_or_its_script(name: str) -> None:
    (line,) = JOBS[name]["script"]
    line = line.replace("scripts/", "make ")
    targets = re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert line.removeprefix("make ") in targets


def test_every_stage_has_its_job_and_no_other() -> None:
    assert FILE["stages"] == [job["stage"] for job in JOBS.values()]


def test_reports_are_kept_also_of_failed_jobs_but_not_for_ever() -> None:
    kept = {name: job["artifacts"] for name, job in JOBS.items() if "artifacts" in job}
    assert {name: artifacts["reports"]["junit"] for name, artifacts in kept.items()} == {
        "unit": "reports/unit.xml",
        "model-test": "reports/gate.xml",
    }
    for artifacts in kept.values():
        assert artifacts["when"] == "always"
        assert artifacts["paths"] == ["reports/"]
        assert artifacts["expire_in"]


def test_gates_run_one_at_a_time_and_to_their_end() -> None:
    assert JOBS["model-test"]["resource_group"] == "gate"
    assert JOBS["model-test"]["interruptible"] is False
    assert FILE["default"]["interruptible"] is True


def test_a_merge_requests_gate_gets_a_home_of_its_own() -> None:
    rules = {rule.get("if", ""): rule for rule in JOBS["model-test"]["rules"]}
    merge_request = rules['$CI_PIPELINE_SOURCE == "merge_request_event"']
    assert merge_request["variables"] == {"FMNIST_HOME": "$FMNIST_REVIEW_HOME"}
    assert [rule for rule in rules.values() if "variables" in rule] == [merge_request]


def test_the_pipelines_gate_keeps_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "make").write_text("#!/bin/sh\n")
    (tmp_path / "make").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "FMNIST_HOME": str(tmp_path / "home"),
    }
    gate = subprocess.run(
        [PROJECT / "scripts" / "gate"], env=environment, capture_output=True, text=True, timeout=120
    )
    assert gate.returncode == NO_VERDICT, gate.stdout


def test_the_cache_follows_the_locks() -> None:
    files = FILE["default"]["cache"]["key"]["files"]
    assert len(files) == 2
    assert all((PROJECT / name).is_file() for name in files)


def test_no_secret_stands_in_it() -> None:
    assert _SECRET.findall(TEXT) == []
    assert _SECRET.search("DEPLOY_TOKEN: abcdefgh")
