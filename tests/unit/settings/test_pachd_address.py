from pathlib import Path

import pytest

from fmnist import settings
from fmnist.errors import ConfigError
from fmnist.settings.pachd_address import Pachd


def from_environment(environ: dict[str, str]) -> Pachd:
    found = settings.from_environment({**environ, "FMNIST_DATA_STORE": "pachyderm"}).pachd
    assert found
    return found


@pytest.mark.parametrize(
    ("address", "expected", "url"),
    [
        ("grpc://pachd:30650", Pachd("pachd", 30650), "grpc://pachd:30650"),
        ("pachd:1", Pachd("pachd", 1), "grpc://pachd:1"),
        ("http://pachd:80/", Pachd("pachd", 80), "grpc://pachd:80"),
        (
            "grpcs://pachd.example.com",
            Pachd("pachd.example.com", 30650, tls=True),
            "grpcs://pachd.example.com:30650",
        ),
        ("https://pachd:443", Pachd("pachd", 443, tls=True), "grpcs://pachd:443"),
        ("grpc://[::1]:2", Pachd("::1", 2), "grpc://[::1]:2"),
    ],
)
def test_addresses(address: str, expected: Pachd, url: str) -> None:
    found = from_environment({"PACHD_ADDRESS": address})
    assert found == expected
    assert found.url == url


@pytest.mark.parametrize(
    "address",
    [
        "ftp://pachd:1",
        "grpc://",
        "grpc://pachd:x",
        "grpc://pachd:0",
        "grpc://pachd:99999",
        "grpc://pachd/path",
        "grpc://pachd?a=1",
    ],
)
def test_no_addresses(address: str) -> None:
    with pytest.raises(ConfigError, match=r"PACHD_ADDRESS=.*expected grpc://HOST:PORT"):
        from_environment({"PACHD_ADDRESS": address})


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        from_environment({"PACHD_ADDRESS": "grpc://me:secret@pachd:1"})
    assert "secret" not in str(caught.value)


def test_without_an_address_it_is_the_pods_cluster_or_a_forwarded_port() -> None:
    pod = {"PACHD_PEER_SERVICE_HOST": "10.0.0.7", "PACHD_PEER_SERVICE_PORT": "30653"}
    assert from_environment(pod).url == "grpc://10.0.0.7:30653"
    assert from_environment({}).url == "grpc://127.0.0.1:30650"
    assert from_environment(pod | {"PACHD_ADDRESS": "grpc://x:1"}).url == "grpc://x:1"


def test_the_token_is_kept_and_never_shown() -> None:
    found = from_environment({"PACH_PYTHON_AUTH_TOKEN": " 0f1e2d \n"})
    assert found.token == "0f1e2d"
    assert "0f1e2d" not in repr(found)
    assert from_environment({"PACH_PYTHON_AUTH_TOKEN": ""}).token is None
    with pytest.raises(ConfigError, match="PACH_PYTHON_AUTH_TOKEN") as caught:
        from_environment({"PACH_PYTHON_AUTH_TOKEN": "gehe\u00efm"})
    assert "gehe" not in str(caught.value)


def test_authorities_are_certificates_and_for_tls(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    tls = {"PACHD_ADDRESS": "grpcs://pachd:1", "PACHD_CA_FILE": str(file)}
    with pytest.raises(ConfigError, match=r"ca\.pem: No such file"):
        from_environment(tls)
    file.write_text("nothing")
    with pytest.raises(ConfigError, match="PEM"):
        from_environment(tls)
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    assert from_environment(tls).authorities == file
    with pytest.raises(ConfigError, match="does not begin with grpcs"):
        from_environment(tls | {"PACHD_ADDRESS": "grpc://pachd:1"})


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "grpc_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_socks_proxies_are_remembered_without_their_password(name: str) -> None:
    found = from_environment({name: "socks5h://me:secret@127.0.0.1:9999"})
    assert found.socks_proxy == f"{name}=socks5h://127.0.0.1:9999"
    assert from_environment({name: "http://proxy:3128"}).socks_proxy is None
