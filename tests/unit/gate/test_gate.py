"""The whole gate on a home of its own: as a library, as a verb, and as GitLab calls it."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from fmnist import wiring as engines
from fmnist.cli.gate import gate
from fmnist.core.bundle import Bundle, open_bundle, write_metadata
from fmnist.core.fashion_mnist import CLASSES, MODEL_NAME
from fmnist.data.base import Commit
from fmnist.errors import GateRefused, InputError, IntegrityError, NotFoundError
from fmnist.gate.gate import GateRequest, run_gate, save
from fmnist.gate.policy import Policy
from fmnist.gate.rules import RULES
from fmnist.gate.signing import Keys, verify
from fmnist.gate.verdict import ANNOTATION, GateResult, Override, gate_result
from fmnist.jobs.gate import GateArguments, run
from fmnist.jobs.report import collect
from fmnist.registry.base import Champions, ModelRegistry, ModelVersion
from fmnist.report.pages import to_html
from fmnist.settings import PROJECT, Settings
from fmnist.test.test_model_accuracy import NO_VERDICT
from tests.support.blocks import block_weights, trained_on
from tests.support.bundles import make_bundle
from tests.support.versions import GOOD, POOR

NOBODY = Champions()
_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_WITHOUT_COLLECTING_GARBAGE = ("-p", "no:unraisableexception")
"""Else pytest collects it ten times at its end: a second each where TensorFlow is loaded, too."""
_BROKEN_BY_THE_POOR = (
    *("accuracy", "macro precision", "macro recall", "macro F1"),
    *(f"recall of {name}" for name in CLASSES[1:]),
)


@pytest.fixture
def environment(
    home: Settings, policy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """What the verb and the pytest entry read."""
    for name in (
        "MODEL_NAME",
        "MODEL_VERSION",
        "TEST_DATA_COMMIT",
        "FMNIST_TRACKING_URI",
        "FMNIST_GATE_KEY",
        "GATE_OVERRIDE",
        "CI_PIPELINE_SOURCE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FMNIST_HOME", str(home.home))
    monkeypatch.setenv("GATE_POLICY", str(policy_file))
    monkeypatch.setenv("GATE_REPORTS", str(tmp_path / "reports"))
    return monkeypatch


def _tested(
    home: Settings,
    version: ModelVersion,
    test_data: Commit,
    policy: Policy,
    champions: Champions = NOBODY,
) -> GateResult:
    registry, key = engines.model_registry(home), Keys.at(home.home, {}).signing()
    request = GateRequest(version, test_data, policy, champions, key, _NOW)
    run = run_gate(registry, engines.data_store(home), request)
    return save(registry, engines.verdict_log(home, version.model), run, key).result


def test_the_result_is_kept_with_the_version(
    home: Settings, registry: ModelRegistry, test_data: Commit, policy: Policy
) -> None:
    result = _tested(home, registry.get(MODEL_NAME, GOOD), test_data, policy)
    assert result.passed
    assert result.accuracy == 1.0
    assert (result.test_data.commit, result.test_data.origin) == (test_data.id, "custom")
    assert result.policy_sha256 == policy.sha256()
    assert result.time == "2026-01-02T03:04:05+00:00"
    assert gate_result(registry.get(MODEL_NAME, GOOD)) == result


def test_a_refusal_is_kept_too(
    home: Settings, registry: ModelRegistry, test_data: Commit, policy: Policy
) -> None:
    result = _tested(home, registry.get(MODEL_NAME, POOR), test_data, policy)
    assert [rule.name for rule in result.verdict.broken] == [
        *_BROKEN_BY_THE_POOR,
    ]
    assert gate_result(registry.get(MODEL_NAME, POOR)) == result


def test_classes_in_another_order_are_refused(
    home: Settings, registry: ModelRegistry, test_data: Commit, train: Commit, policy: Policy, tmp_path: Path
) -> None:
    bundle = trained_on(make_bundle(tmp_path / "bundle", weights=block_weights(), seed=3), train)
    turned = _rewritten(bundle, classes=tuple(reversed(CLASSES)))
    result = _tested(home, registry.register("turned", turned), test_data, policy)
    assert [rule.name for rule in result.verdict.broken] == ["schema"]


def test_a_model_that_answers_nan_is_refused_and_the_refusal_kept(
    home: Settings, registry: ModelRegistry, test_data: Commit, train: Commit, policy: Policy, tmp_path: Path
) -> None:
    weights = np.full((784, 10), np.nan, np.float32)
    bundle = trained_on(make_bundle(tmp_path / "bundle", weights=weights), train)
    version = registry.register("nan", bundle)
    rule = _tested(home, version, test_data, policy).verdict.rule("usable predictions")
    assert (rule.measured, rule.broken) == (1000, True)
    kept = gate_result(registry.get("nan"))
    assert kept is not None
    assert not kept.passed


def test_an_altered_model_gets_no_verdict(
    home: Settings, registry: ModelRegistry, test_data: Commit, train: Commit, policy: Policy, tmp_path: Path
) -> None:
    version = registry.register("altered", trained_on(make_bundle(tmp_path / "bundle", seed=4), train))
    (stored,) = (home.artifacts / "models" / "altered").glob("*/model.onnx")
    stored.write_bytes(stored.read_bytes() + b"\0")
    with pytest.raises(IntegrityError, match=r"model\.onnx"):
        _tested(home, version, test_data, policy)
    assert registry.get("altered").annotations == {}


def test_the_verb_prints_the_rules_of_a_good_version(
    environment: pytest.MonkeyPatch, registry: ModelRegistry, policy_file: Path
) -> None:
    arguments = ["--version", str(GOOD), "--policy", str(policy_file)]
    shown = CliRunner().invoke(gate, arguments, catch_exceptions=False)
    assert shown.exit_code == 0
    assert "accuracy" in shown.stdout
    printed = CliRunner().invoke(gate, [*arguments, "--json"], catch_exceptions=False)
    document = json.loads(printed.stdout)
    assert (document["version"], document["passed"]) == (GOOD, True)
    assert [rule["name"] for rule in document["rules"]] == list(RULES)
    assert json.loads(registry.get(MODEL_NAME, GOOD).annotations[ANNOTATION])["time"] == document["time"]


def test_the_verb_refuses_the_latest_with_its_reasons(
    environment: pytest.MonkeyPatch, policy_file: Path
) -> None:
    outcome = CliRunner().invoke(gate, ["--policy", str(policy_file), "--json"])
    assert isinstance(outcome.exception, GateRefused)
    assert "version 2 of fashion-classifier is refused: accuracy (accuracy 0.1000" in str(outcome.exception)
    assert json.loads(outcome.stdout)["passed"] is False


def test_an_override_passes_and_is_kept_with_who_and_why(
    environment: pytest.MonkeyPatch, registry: ModelRegistry, policy_file: Path, tmp_path: Path
) -> None:
    environment.setenv("GITLAB_USER_LOGIN", "ada")
    environment.setenv("CI_PIPELINE_URL", "https://gitlab.example/p/1")
    arguments = ["--version", str(POOR), "--policy", str(policy_file)]
    shown = CliRunner().invoke(gate, [*arguments, "--override", "a demonstration"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "overridden by ada: a demonstration" in shown.stdout
    result = gate_result(registry.get(MODEL_NAME, POOR))
    assert result is not None
    assert result.override == Override("ada", "a demonstration")
    assert (result.passed, result.overridden, result.verdict.passed) == (True, True, False)
    assert result.pipeline == "https://gitlab.example/p/1"
    environment.setenv("GATE_OVERRIDE", "again")
    code, cases = _entry_here(tmp_path)
    assert code == 0
    assert {f"test_rule[{name}]" for name in _BROKEN_BY_THE_POOR} < _named(cases, "skipped")
    assert "overridden by ada (again)" in str(cases["test_rule[accuracy]"].find("skipped").attrib)  # type: ignore[union-attr]
    CliRunner().invoke(gate, arguments)
    again = gate_result(registry.get(MODEL_NAME, POOR))
    assert again is not None
    assert (again.passed, again.override) == (False, None)


def _content(home: Settings) -> dict[Path, tuple[int, int]]:
    """Size and time of change of all that a home holds; SQLite locks its files without changing them."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in home.home.rglob("*")}


def test_a_merge_requests_gate_judges_and_leaves_the_home_as_it_is(
    environment: pytest.MonkeyPatch, home: Settings, policy_file: Path
) -> None:
    key = home.home / "gate.key"
    kept = key.read_bytes() if key.exists() else None
    key.unlink(missing_ok=True)
    before = _content(home)
    environment.setenv("CI_PIPELINE_SOURCE", "merge_request_event")
    for number, passed in ((GOOD, True), (POOR, False)):
        arguments = ["--version", str(number), "--policy", str(policy_file), "--json"]
        outcome = CliRunner().invoke(gate, arguments)
        assert isinstance(outcome.exception, GateRefused) is not passed
        document = json.loads(outcome.stdout)
        assert (document["passed"], document["key_id"]) == (passed, "")
    assert _content(home) == before
    if kept:
        key.touch(0o600)
        key.write_bytes(kept)


def test_a_merge_requests_report_shows_its_own_verdict_and_says_that_it_is_not_kept(
    environment: pytest.MonkeyPatch, home: Settings, policy_file: Path
) -> None:
    merge_request = {"CI_PIPELINE_SOURCE": "merge_request_event"}
    tested = run(home, GateArguments(MODEL_NAME, POOR, policy=policy_file), merge_request)
    report = collect(home, MODEL_NAME, tested=tested)
    entry = report.entry
    assert (entry.version.number, entry.result, entry.kept) == (POOR, tested.result, False)
    assert entry.evidence == tested.evidence
    assert "merge request" in entry.remarks[0]
    assert "by nobody: it is not kept" in to_html(report)


def test_a_pass_put_back_over_a_refusal_is_not_promoted(
    home: Settings, registry: ModelRegistry, policy_file: Path, train: Commit, tmp_path: Path
) -> None:
    bundle = trained_on(make_bundle(tmp_path / "bundle", weights=block_weights(), seed=8), train)
    version = registry.register("put-back", bundle)
    arguments = GateArguments("put-back", policy=policy_file)
    assert run(home, arguments, {}).result.passed
    passed = registry.get("put-back").annotations[ANNOTATION]
    demands = partial(engines.demands, home, "put-back", policy_file)
    keys = Keys.at(home.home, {})
    assert verify(registry.get("put-back"), "local", keys, demands()).sequence == 1
    strict = tmp_path / "strict.yaml"
    strict.write_text(policy_file.read_text().replace("size_bytes: 5000000", "size_bytes: 1"))
    assert not run(home, replace(arguments, policy=strict), {}).result.passed
    registry.annotate(version, ANNOTATION, passed)
    with pytest.raises(IntegrityError, match="carries verdict 1, although verdict 2 was given later"):
        verify(registry.get("put-back"), "local", keys, demands())
    assert run(home, arguments, {}).result.sequence == 3
    assert verify(registry.get("put-back"), "local", keys, demands()).passed
    with pytest.raises(GateRefused, match=r"another gate\.yaml"):
        verify(
            registry.get("put-back"), "local", keys, engines.demands(home, "put-back", PROJECT / "gate.yaml")
        )


@pytest.mark.parametrize(
    ("source", "variable", "says"),
    [
        ("trigger", "GATE_OVERRIDE", "pipeline started by trigger; only a user may override"),
        ("api", "GATE_OVERRIDE", "only a user may override"),
        ("push", "GATE_OVERRIDE", "only a user may override"),
        ("merge_request_event", "GATE_OVERRIDE", "only a user may override"),
        ("trigger", "GATE_POLICY", "applies the gate.yaml of its commit"),
        ("web", "GATE_POLICY", "applies the gate.yaml of its commit"),
    ],
)
def test_what_a_pipeline_may_not_bring_ends_without_a_verdict(
    environment: pytest.MonkeyPatch, tmp_path: Path, source: str, variable: str, says: str
) -> None:
    environment.delenv("GATE_POLICY")
    environment.setenv("CI_PIPELINE_SOURCE", source)
    environment.setenv(variable, str(tmp_path / "lax.yaml"))
    code, cases = _entry_here(tmp_path)
    assert code == NO_VERDICT
    (case,) = cases.values()
    (error,) = case.findall("error")
    assert says in (error.text or "")


def test_an_override_without_a_reason_is_none(environment: pytest.MonkeyPatch, policy_file: Path) -> None:
    outcome = CliRunner().invoke(gate, ["--policy", str(policy_file), "--override", "  "])
    assert isinstance(outcome.exception, InputError)


def test_the_verb_names_a_missing_commit(environment: pytest.MonkeyPatch, policy_file: Path) -> None:
    outcome = CliRunner().invoke(gate, ["--policy", str(policy_file), "--data", "0" * 40])
    assert isinstance(outcome.exception, NotFoundError)
    assert "fmnist-test-raw" in str(outcome.exception)


def test_gitlabs_entry_passes_a_good_version(
    environment: pytest.MonkeyPatch, registry: ModelRegistry, tmp_path: Path
) -> None:
    environment.setenv("MODEL_VERSION", str(GOOD))
    registry.annotate(registry.get(MODEL_NAME, GOOD), ANNOTATION, "{}")
    code, cases = _entry_here(tmp_path)
    assert code == 0
    assert {f"test_rule[{name}]" for name in RULES} == set(cases)
    assert _named(cases, "failure") == _named(cases, "error") == set()
    assert _named(cases, "skipped") == {
        f"test_rule[{name}]" for name in ("champion", "best version", "test data commit")
    }
    result = gate_result(registry.get(MODEL_NAME, GOOD))
    assert result is not None
    assert result.passed


def test_gitlabs_entry_shows_each_broken_rule_of_the_latest_without_tensorflow(
    environment: pytest.MonkeyPatch, registry: ModelRegistry, tmp_path: Path
) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", *_options(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert outcome.returncode == 1
    cases = _cases(tmp_path)
    failed = _named(cases, "failure")
    assert failed == {f"test_rule[{name}]" for name in _BROKEN_BY_THE_POOR}
    assert set(cases) - failed >= {
        "test_tensorflow_is_not_needed",
        "test_rule[latency]",
        "test_report_is_written",
    }
    assert "refused" in (tmp_path / "reports" / "note.md").read_text()
    assert "accuracy 0.1000 (0.0829 to 0.1202) < 0.9000" in outcome.stdout
    result = gate_result(registry.get(MODEL_NAME, POOR))
    assert result is not None
    assert result.time > _NOW.isoformat()


def test_a_report_that_cannot_be_written_is_no_refusal(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("MODEL_VERSION", str(GOOD))
    environment.setenv("GATE_REPORTS", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    options = ["-k", "test_report", *_WITHOUT_COLLECTING_GARBAGE, *_options(tmp_path)]
    assert pytest.main(options) == NO_VERDICT


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("FMNIST_HOME", "{tmp}/nowhere", "no model registry yet"),
        ("MODEL_NAME", "nobodys", "no model nobodys in the registry; there are: "),
        ("MODEL_VERSION", "99", "fashion-classifier has no version 99; it has 1, 2"),
        ("MODEL_VERSION", "first", "MODEL_VERSION=first: expected a version's number or latest"),
        ("TEST_DATA_COMMIT", "0" * 40, "fmnist-test-raw: no branch or commit id"),
        ("GATE_POLICY", "{tmp}/absent.yaml", "absent.yaml: cannot be read as the gate's policy"),
    ],
)
def test_gitlabs_entry_errs_when_there_is_nothing_to_judge(
    environment: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, says: str
) -> None:
    environment.setenv(variable, value.format(tmp=tmp_path))
    code, cases = _entry_here(tmp_path)
    assert code == NO_VERDICT
    (case,) = cases.values()
    (error,) = case.findall("error")
    assert says in (error.text or "")
    assert not (tmp_path / "nowhere").exists()


def _named(cases: dict[str, ElementTree.Element], kind: str) -> set[str]:
    return {name for name, case in cases.items() if case.find(kind) is not None}


def _entry_here(folder: Path) -> tuple[int, dict[str, ElementTree.Element]]:
    """The entry's rules in this process, where MLflow is loaded; exit code and JUnit's cases by name."""
    code = pytest.main(["-k", "test_rule", *_WITHOUT_COLLECTING_GARBAGE, *_options(folder)])
    return code, _cases(folder)


def _options(folder: Path) -> list[str]:
    entry = PROJECT / "fmnist" / "test" / "test_model_accuracy.py"
    return [str(entry), "-p", "no:cacheprovider", f"--junitxml={folder / 'junit.xml'}", "--color=no"]


def _cases(folder: Path) -> dict[str, ElementTree.Element]:
    return {case.get("name", ""): case for case in ElementTree.parse(folder / "junit.xml").iter("testcase")}


def _rewritten(bundle: Bundle, **changes: object) -> Bundle:
    write_metadata(bundle.folder, replace(bundle.metadata, **changes))  # type: ignore[arg-type]
    return open_bundle(bundle.folder)
