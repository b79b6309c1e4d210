"""The gate: is this model version good enough to serve? One test per rule of ``gate.yaml``.

    pytest fmnist/test/test_model_accuracy.py

From the environment:

    MODEL_NAME         the model (default: fashion-classifier)
    MODEL_VERSION      a version's number (default: latest)
    TEST_DATA_COMMIT   a commit of the test data's repo (default: the newest)
    GATE_POLICY        the bounds (default: gate.yaml of this checkout)
    FMNIST_HOME, FMNIST_TRACKING_URI   where the data store and the registry are

The result is written into the version's metadata whether it passes or not. A registry, version or
data that cannot be reached is an error of every test: never a pass, never a skip.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fmnist import settings
from fmnist.errors import ConfigError, FmnistError
from fmnist.fashion_mnist import MODEL_NAME, TEST
from fmnist.gate.examine import examine
from fmnist.gate.keys import Keys
from fmnist.gate.policy import read_policy
from fmnist.gate.result import GateResult
from fmnist.gate.rules import RULES


@pytest.fixture(scope="session")
def result() -> GateResult:
    try:
        return _examine()
    except FmnistError as error:
        pytest.fail(f"no verdict: {error}", pytrace=False)


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str, result: GateResult, record_property: Callable[[str, object], None]) -> None:
    rule = result.verdict.rule(name)
    record_property("measured", rule.measured)
    record_property("bound", rule.bound)
    if rule.broken:
        pytest.fail(f"{rule.name}: {rule.explanation}", pytrace=False)


def test_tensorflow_is_not_needed(result: GateResult) -> None:
    assert "tensorflow" not in sys.modules


def _examine() -> GateResult:
    own = settings.from_environment()
    policy = read_policy(Path(os.environ.get("GATE_POLICY") or settings.PROJECT / "gate.yaml"))
    registry, store = settings.model_registry(own), settings.data_store(own)
    version = registry.get(os.environ.get("MODEL_NAME") or MODEL_NAME, _version_number())
    test_data = store.get(TEST.repo, os.environ.get("TEST_DATA_COMMIT") or "master")
    return examine(
        registry, store, version, test_data, policy, Keys.at(own.home).signing(), datetime.now(UTC)
    )


def _version_number() -> int | None:
    text = os.environ.get("MODEL_VERSION") or "latest"
    if text == "latest":
        return None
    if not text.isdecimal():
        raise ConfigError(f"MODEL_VERSION={text}: expected a version's number or latest")
    return int(text)
