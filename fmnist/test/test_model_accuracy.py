"""The gate: is this model version good enough to serve? One test per rule of ``gate.yaml``.

    pytest fmnist/test/test_model_accuracy.py

From the environment:

    MODEL_NAME         the model (default: fashion-classifier)
    MODEL_VERSION      a version's number (default: latest)
    TEST_DATA_COMMIT   a commit of the test data's repo (default: the newest)
    GATE_POLICY        the bounds (default: gate.yaml of this checkout); not in a pipeline
    GATE_OVERRIDE      a reason to let it pass whatever the rules say; kept with who gave it. In a
                       pipeline only if a person started it, by "New pipeline" or a schedule
    GATE_REPORTS       where the report on all versions goes (default: reports)
    FMNIST_GATE_KEY    CI's key, a protected variable (default: this machine's own key)
    FMNIST_HOME, FMNIST_TRACKING_URI   where the data store and the registry are

The result is written into the version's metadata whether it passes or not, unless the pipeline is a
merge request's: that one only judges and reports. A rule without anything to judge, such as that of the
champion when there is none, is shown as skipped.

Exit code 0: the version passes. 1: it is refused. 20: there is no verdict, because the registry, the
version, the data or the policy could not be had; that is one error, never a pass, never a skip. It is
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
from fmnist.gate.examine import Examined
from fmnist.gate.gitlab_variables import check_orders
from fmnist.gate.rules import RULES
from fmnist.gate.verdict import Outcome
from fmnist.jobs.gate import POLICY, Order, run
from fmnist.jobs.report import collect
from fmnist.report.write import write

NO_VERDICT = 20

pytestmark = pytest.mark.timeout(780)
"""Seconds: less than GitLab gives the job, and far more than a gate takes unless the machine is starved."""


class _NoVerdict:
    """A plugin for as long as there is no verdict or no report: pytest would end with 1, as for a refusal."""

    @staticmethod
    def pytest_sessionfinish(session: pytest.Session) -> None:
        session.exitstatus = NO_VERDICT


@pytest.fixture(scope="session")
def examined(request: pytest.FixtureRequest) -> Examined:
    request.config.pluginmanager.register(_NoVerdict, "no verdict")
    try:
        check_orders()
        found = run(settings.from_environment(), _order())
    except (Exception, pytest.fail.Exception) as error:
        # The one error tells all; the other rules would only repeat it.
        request.session.shouldfail = "no verdict"
        if isinstance(error, FmnistError):
            raise pytest.fail.Exception(f"no verdict: {error}", pytrace=False) from None
        raise
    request.config.pluginmanager.unregister(name="no verdict")
    return found


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str, examined: Examined, record_property: Callable[[str, object], None]) -> None:
    result = examined.result
    rule = result.verdict.rule(name)
    record_property("measured", rule.measured)
    record_property("bound", rule.bound)
    if rule.outcome is Outcome.NOT_APPLICABLE:
        pytest.skip(rule.explanation)
    if rule.broken and result.override:
        pytest.xfail(f"forced by {result.override.who} ({result.override.reason}): {rule.explanation}")
    if rule.broken:
        pytest.fail(f"{rule.name}: {rule.explanation}", pytrace=False)


def test_tensorflow_is_not_needed(examined: Examined) -> None:
    assert "tensorflow" not in sys.modules


def test_report_is_written(examined: Examined, request: pytest.FixtureRequest) -> None:
    """After the rules: it shows their outcome, and changes none."""
    own = settings.from_environment()
    folder = Path(os.environ.get("GATE_REPORTS") or "reports")
    try:
        write(collect(own, examined.result.model, tested=examined), folder)
    except FmnistError as error:
        request.config.pluginmanager.register(_NoVerdict, "no report")
        raise pytest.fail.Exception(f"no report: {error}", pytrace=False) from None


def _order() -> Order:
    return Order(
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
