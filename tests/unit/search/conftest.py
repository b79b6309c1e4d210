import pytest

from fmnist.training import worker


@pytest.fixture(scope="session", autouse=True)
def server_without_tensorflow() -> None:
    worker.prepare(("tests.support.fake_training",))
