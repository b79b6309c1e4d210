import os
import signal

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
