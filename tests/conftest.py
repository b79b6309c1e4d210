import os
import signal
from pathlib import Path

import pytest

# First of all: this module takes the variables that name servers out of the environment.
import tests.support.real  # noqa: F401

# A runner in the background may have been started with Ctrl-C ignored, which every child inherits.
signal.signal(signal.SIGINT, signal.default_int_handler)

# GitLab's jobs run these tests as well; the variables of their pipeline are not meant for the versions here.
_PIPELINES = ("CI_", "GATE_", "GITLAB_", "MODEL_", "TEST_DATA_COMMIT")


@pytest.fixture(autouse=True)
def no_variables_of_pipelines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_PIPELINES):
            monkeypatch.delenv(name)


# TensorFlow takes its thread count once per process: the tests that compute with it in the tests' own process
# share one, in their order, however many processes there are.
_TENSORFLOW = ("contract/determined", "contract/test_registry.py", "unit/tracking", "unit/training")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, and those of TensorFlow together: pytest-xdist's loadgroup."""
    tests = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(tests).as_posix() if item.path.is_relative_to(tests) else item.path.name
        group = "tensorflow" if place.startswith(_TENSORFLOW) else place
        item.add_marker(pytest.mark.xdist_group(group))
