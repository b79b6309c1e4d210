import os
import signal

import pytest

# A runner in the background may have been started with Ctrl-C ignored, which every child inherits.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A developer's shell may name servers that people work on. The tests in tests/contract that are meant
# for real servers remember these variables before they go.
_SERVERS = ("PACHD_ADDRESS", "PACHD_CA_FILE", "PACH_PYTHON_AUTH_TOKEN", "FMNIST_DATA_STORE")
# Nor may a promotion of a test get into the history that people share.
_DATABASES = ("FMNIST_CATALOGUE_URI",)
# GitLab's jobs run these tests, too; what their pipeline is told is not meant for the versions here.
_PIPELINES = ("CI_", "GATE_", "GITLAB_", "MODEL_", "TEST_DATA_COMMIT", "FMNIST_GATE_KEY")


@pytest.fixture(autouse=True)
def neither_real_servers_nor_pipelines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name in (*_SERVERS, *_DATABASES) or name.startswith(_PIPELINES):
            monkeypatch.delenv(name)
