"""``.gitlab-ci.yml`` as GitLab's schema and gitlab-ci-local see it. ``make ci-local`` runs its jobs."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from uuid import uuid4

import pytest

from fmnist.settings import PROJECT

TOOLS = PROJECT / ".node" / "bin"
CODE = ["lint", "unit"]
ALL = [*CODE, "model-test"]

pytestmark = pytest.mark.skipif(
    not (TOOLS / "gitlab-ci-local").is_file(), reason="no gitlab-ci-local: make .node/.ready installs it"
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What gitlab-ci-local asks of a repository: the file, a commit, a remote that is called origin."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(PROJECT / ".gitlab-ci.yml", folder)
    shutil.copytree(PROJECT / "requirements", folder / "requirements")
    _git(folder, "init", "--quiet", "--initial-branch=master")
    _git(folder, "add", "--all")
    _git(folder, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "--message=.")
    _git(folder, "remote", "add", "origin", "git@gitlab.invalid:group/fmnist.git")
    _git(folder, "update-ref", "refs/remotes/origin/master", "HEAD")
    _git(folder, "remote", "set-head", "origin", "master")
    return folder


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, timeout=30)


def _on(clone: Path, branch: str) -> Path:
    _git(clone, "checkout", "--quiet", "-B", branch)
    return clone


def _jobs(clone: Path, source: str, version: str = "", *more: str, **given: str) -> list[str]:
    """The jobs of the pipeline that ``source`` starts on the branch that is checked out."""
    command = [str(TOOLS / "gitlab-ci-local"), "--list-json", "--ignore-predefined-vars=CI_PIPELINE_SOURCE"]
    # Its schema is one for all pipelines; several that run at once each need a folder.
    command += ["--json-schema-validation=false", f"--state-dir=.states/{uuid4().hex}", *more]
    command += [f"--variable=CI_PIPELINE_SOURCE={source}", f"--variable=MODEL_VERSION={version}"]
    command += [f"--variable={name}={value}" for name, value in given.items()]
    if source == "merge_request_event":
        # GitLab leaves it out there; gitlab-ci-local sets it always.
        command += ["--unset-variable=CI_COMMIT_BRANCH"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITLAB"))}
    environment["NODE_COMPILE_CACHE"] = str(clone.with_name("node"))
    listed = subprocess.run(
        command, cwd=clone, env=environment, check=True, timeout=60, capture_output=True, text=True
    )
    return [job["name"] for job in json.loads(listed.stdout) if job["when"] != "never"]


@pytest.mark.parametrize(
    ("branch", "source", "version", "expected"),
    [
        ("topic", "merge_request_event", "", ALL),
        ("topic", "push", "", CODE),
        ("master", "push", "", ALL),
        ("master", "schedule", "", ALL),
        ("master", "trigger", "3", ["model-test"]),
        ("master", "api", "3", ["model-test"]),
        ("master", "web", "3", ["model-test"]),
        ("master", "web", "", ALL),
        ("master", "trigger", "", []),
        ("topic", "trigger", "3", []),
    ],
)
def test_what_started_a_pipeline_decides_its_jobs(
    clone: Path, branch: str, source: str, version: str, expected: list[str]
) -> None:
    assert _jobs(_on(clone, branch), source, version) == expected


@pytest.mark.parametrize("variable", ["GATE_OVERRIDE", "GATE_POLICY"])
def test_who_holds_a_token_does_not_say_what_the_verdict_shall_be(clone: Path, variable: str) -> None:
    pipelines = [*product(("trigger", "api", "pipeline"), ("3", "")), ("web", "3")]
    _on(clone, "master")
    with ThreadPoolExecutor(2) as threads:
        jobs = list(threads.map(lambda each: _jobs(clone, *each, **{variable: "please"}), pipelines))
    assert jobs == [[]] * 6 + [["model-test"]]


def test_the_runner_on_this_machine_allows_it(clone: Path) -> None:
    assert _jobs(_on(clone, "master"), "push", "", "--json-schema-validation=true") == ALL


def test_gitlabs_schema_allows_it() -> None:
    command = [str(TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", ".gitlab-ci.yml"]
    checked = subprocess.run(command, cwd=PROJECT, timeout=60, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_the_schema_would_object(clone: Path) -> None:
    text = (clone / ".gitlab-ci.yml").read_text().replace("resource_group:", "resource_groop:")
    (clone / "wrong.yml").write_text(text)
    command = [str(TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", "wrong.yml"]
    checked = subprocess.run(command, cwd=clone, timeout=60, capture_output=True, text=True)
    assert checked.returncode == 1
    assert "model-test" in checked.stdout
