"""The gate: is this model version good enough to serve? One test per rule of ``gate.yaml``.

    pytest fmnist/test/test_model_accuracy.py

From the environment:

    MODEL_NAME         the model (default: fashion-classifier)
    MODEL_VERSION      a version's number (default: latest)
    TEST_DATA_COMMIT   a commit of the test data's repo (default: the newest)
    GATE_POLICY        the bounds (default: gate.yaml of this checkout); not in a pipeline
    GATE_OVERRIDE      a reason to override the verdict; recorded with the user's name. In a pipeline
                       only if a user started it, by "New pipeline" or a schedule
    GATE_REPORTS       folder of the report on all versions (default: reports)
    FMNIST_GATE_KEY    CI's key, a protected variable (default: this machine's own key)
    FMNIST_HOME, FMNIST_TRACKING_URI   location of the data store and of the registry

The result is written into the version's metadata whether it passes or not, unless the pipeline is a
merge request's: that one only tests and reports. A rule that has nothing to judge, such as the champion's
when there is none, is shown as skipped.

Exit code 0: the version passes. 1: it is refused. 20: there is no verdict, because the registry, the
version, the data or the policy is not available; that is one error, never a pass, never a skip. It is
also 20 if the report cannot be written.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist import settings
from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.errors import ConfigError, FmnistError
from fmnist.gate.gate import GateRun
from fmnist.gate.gitlab import check_variables
from fmnist.gate.rules import RULES
from fmnist.gate.verdict import Outcome
from fmnist.jobs.gate import POLICY, GateArguments, run
from fmnist.jobs.report import collect
from fmnist.report.write import write

NO_VERDICT = 20

pytestmark = pytest.mark.timeout(780)
"""Seconds: less than the job's timeout, and far more than a gate takes unless the machine is overloaded."""


class _NoVerdict:
    """Plugin that is active while there is no verdict or report: pytest would exit with 1, as if refused."""

    @staticmethod
    def pytest_sessionfinish(session: pytest.Session) -> None:
        session.exitstatus = NO_VERDICT


@pytest.fixture(scope="session")
def tested(request: pytest.FixtureRequest) -> GateRun:
    request.config.pluginmanager.register(_NoVerdict, "no verdict")
    try:
        check_variables()
        gate_run = run(settings.from_environment(), _arguments())
    except (Exception, pytest.fail.Exception) as error:
        # One error is enough; the other rules would only repeat it.
        request.session.shouldfail = "no verdict"
        if isinstance(error, FmnistError):
            raise pytest.fail.Exception(f"no verdict: {error}", pytrace=False) from None
        raise
    request.config.pluginmanager.unregister(name="no verdict")
    return gate_run


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str, tested: GateRun, record_property: Callable[[str, object], None]) -> None:
    result = tested.result
    rule = result.verdict.rule(name)
    record_property("measured", rule.measured)
    record_property("bound", rule.bound)
    if rule.outcome is Outcome.NOT_APPLICABLE:
        pytest.skip(rule.explanation)
    if rule.broken and result.override:
        pytest.xfail(f"overridden by {result.override.who} ({result.override.reason}): {rule.explanation}")
    if rule.broken:
        pytest.fail(f"{rule.name}: {rule.explanation}", pytrace=False)


def test_tensorflow_is_not_needed(tested: GateRun) -> None:
    assert "tensorflow" not in sys.modules


def test_report_is_written(tested: GateRun, request: pytest.FixtureRequest) -> None:
    """Last: it shows the rules' outcomes and changes none."""
    folder = Path(os.environ.get("GATE_REPORTS") or "reports")
    try:
        write(collect(settings.from_environment(), tested.result.model, tested=tested), folder)
    except FmnistError as error:
        request.config.pluginmanager.register(_NoVerdict, "no report")
        raise pytest.fail.Exception(f"no report: {error}", pytrace=False) from None


def _arguments() -> GateArguments:
    return GateArguments(
        model=os.environ.get("MODEL_NAME") or MODEL_NAME,
        number=_version_number(),
        data=os.environ.get("TEST_DATA_COMMIT") or "master",
        policy=Path(os.environ.get("GATE_POLICY") or POLICY),
        override=os.environ.get("GATE_OVERRIDE") or None,
    )


def _version_number() -> int | None:
    text = os.environ.get("MODEL_VERSION") or "latest"
    if text == "latest":
        return None
    if not text.isdecimal():
        raise ConfigError(f"MODEL_VERSION={text}: expected a version's number or latest")
    return int(text)
