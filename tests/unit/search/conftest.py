import pytest

from fmnist.training import workers


@pytest.fixture(scope="session", autouse=True)
def server_without_tensorflow() -> None:
    workers.prepare(("tests.support.fake_training",))
