"""A master that is reached only through a SOCKS proxy, as many reach their cluster."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from urllib3.util.retry import Retry

from fmnist import settings
from fmnist import wiring as engines
from fmnist.clients import determined as client
from fmnist.clients.determined import log_in
from fmnist.errors import UnavailableError
from fmnist.settings import DeterminedLogin
from fmnist.tracking.base import Decision
from tests.support.bundles import make_bundle
from tests.support.determined.routes import PASSWORD, USER
from tests.support.determined.server import Master
from tests.support.determined.trials import report
from tests.support.homes import make_home
from tests.support.ports import free_ports
from tests.support.socks import Proxy, socks_proxy

ELSEWHERE = "127.0.0.2"
"""An address of this machine where no master listens; the proxy goes to the one at 127.0.0.1."""
NAME = "master.cluster.invalid"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socks_proxy(**{ELSEWHERE: "127.0.0.1", NAME: "127.0.0.1"}) as found:
        yield found


@pytest.fixture(autouse=True)
def neither_proxies_of_the_machine_nor_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "_RETRIES", Retry(0))


def seen_from_outside(master: Master, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    master.url = f"http://{host}:{urlsplit(master.url).port}"
    for variable, value in master.environment().items():
        monkeypatch.setenv(variable, value)


@pytest.mark.parametrize(("scheme", "host"), [("socks5", ELSEWHERE), ("socks5h", NAME)])
def test_everything_goes_through_the_proxy(
    master: Master, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, host: str
) -> None:
    make_home(tmp_path / "home")
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    seen_from_outside(master, host, monkeypatch)
    own = settings.from_environment()
    assert own.determined
    with pytest.raises(UnavailableError):
        log_in(own.determined)
    assert not master.requests
    monkeypatch.setenv("http_proxy", f"{scheme}://127.0.0.1:{proxy.port}")
    with engines.open_run(own, "laptop") as run:
        run.start({})
        assert run.report(report(1, 1)) is Decision.CONTINUE
        run.finish(make_bundle(tmp_path / "bundle").folder)
    with engines.experiments(own).best(1) as bundle:
        assert engines.model_registry(own).register("fashion-classifier", bundle).number == 1
    assert set(proxy.asked) == {host}
    assert len(proxy.asked) >= 3


def test_a_proxy_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("http_proxy", f"socks5h://ada:secret@127.0.0.1:{port}")
    said = _said_of(f"http://{NAME}:8080")
    assert f"cannot be reached through the proxy socks5h://127.0.0.1:{port} (" in said
    assert "is DET_MASTER right and both proxy and master up?" in said
    assert "secret" not in said


def test_a_proxy_that_does_not_get_there_is_named(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("http_proxy", f"socks5h://127.0.0.1:{proxy.port}")
    said = _said_of(f"http://{NAME}:{port}")
    assert f"cannot be reached through the proxy socks5h://127.0.0.1:{proxy.port} (" in said
    assert set(proxy.asked) == {NAME}


def _said_of(address: str) -> str:
    with pytest.raises(UnavailableError) as caught:
        log_in(DeterminedLogin(address, USER, PASSWORD))
    return str(caught.value)
