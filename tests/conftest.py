import pytest

# A developer's shell may name servers that people work on. The tests in tests/contract that are meant
# for real servers remember these variables before they go.
_SERVERS = ("PACHD_ADDRESS", "PACHD_CA_FILE", "PACH_PYTHON_AUTH_TOKEN", "FMNIST_DATA_STORE")


@pytest.fixture(autouse=True)
def no_real_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _SERVERS:
        monkeypatch.delenv(name, raising=False)
