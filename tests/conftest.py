import os
import signal
from collections.abc import Iterator

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# First of all: this module takes the variables that name servers out of the environment.
import tests.support.real  # noqa: F401

# A runner in the background may have been started with Ctrl-C ignored, which every child inherits.
signal.signal(signal.SIGINT, signal.default_int_handler)

# GitLab's jobs run these tests as well; the variables of their pipeline are not meant for the versions here.
_PIPELINES = ("CI_", "GATE_", "GITLAB_", "MODEL_", "TEST_DATA_COMMIT")


@pytest.fixture(autouse=True, scope="session")
def no_waiting_for_the_disk() -> Iterator[None]:
    """What tests write need not survive a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True)
def no_variables_of_pipelines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_PIPELINES):
            monkeypatch.delenv(name)


# TensorFlow takes its thread count once per process: the tests that compute with it in the tests' own process
# share one, in their order, however many processes there are.
_TENSORFLOW = ("contract/determined", "contract/test_registry.py", "unit/tracking", "unit/training")


class _FileScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps a file in one process, which builds its fixtures once, and the files of TensorFlow together.

    Not ``--dist loadgroup``: pytest-xdist 3.8 writes a group into an item's ``_nodeid``, which pytest 9 no
    longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0].removeprefix("tests/")
        return "tensorflow" if file.startswith(_TENSORFLOW) else file


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    # In the order of the folders: TensorFlow's, the longest, begin at once.
    config.option.loadscopereorder = False
    return _FileScheduling(config, log)
