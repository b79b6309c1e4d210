"""Address of a Pachyderm server, and what a client needs to get in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fmnist.errors import ConfigError

DEFAULT_PORT = 30650
PROXIES = ("grpc_proxy", "https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_SCHEMES = {"grpc": False, "http": False, "grpcs": True, "https": True}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Pachd:
    """A Pachyderm server."""

    host: str

    port: int
    """1-65535."""

    tls: bool = False

    authorities: Path | None = None
    """PEM file of the authorities that the server's certificate is checked against; None: the public ones."""

    token: str | None = field(default=None, repr=False)
    """Authentication token; it appears in no message."""

    socks_proxy: str | None = None
    """How others reach the cluster, such as ``http_proxy=socks5://127.0.0.1:9999``; it carries no gRPC."""

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'grpcs' if self.tls else 'grpc'}://{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        return self.host in _LOOPBACK


def server(
    address: str | None,
    ca_file: str | None = None,
    token: str | None = None,
    socks_proxy: str | None = None,
) -> Pachd:
    """The server at ``address``, by default a forwarded port of this machine.

    Raises:
        ConfigError: a value cannot be used; the message names its variable.
    """
    host, port, tls = _parse(address or f"grpc://127.0.0.1:{DEFAULT_PORT}")
    return Pachd(host, port, tls, _authorities(ca_file, tls), _token(token), socks_proxy)


def socks_proxy(environ: Mapping[str, str]) -> str | None:
    """The first variable that names a SOCKS proxy, as ``NAME=ADDRESS`` without a password."""
    for name in PROXIES:
        if environ.get(name, "").startswith("socks"):
            return f"{name}={_without_user(environ[name])}"
    return None


def _parse(address: str) -> tuple[str, int, bool]:
    wrong = ConfigError(
        f"PACHD_ADDRESS={_without_user(address)}: expected grpc://HOST:PORT, or grpcs://HOST:PORT for TLS"
    )
    try:
        parts = urlsplit(address if "://" in address else f"grpc://{address}")
        port = parts.port
    except ValueError as error:
        raise wrong from error
    extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in _SCHEMES or not parts.hostname or extra or port == 0:
        raise wrong
    return parts.hostname, port or DEFAULT_PORT, _SCHEMES[parts.scheme]


def _without_user(address: str) -> str:
    """The address without what may be a password."""
    scheme, separator, rest = address.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _authorities(file: str | None, tls: bool) -> Path | None:
    if not file:
        return None
    path = Path(file).absolute()
    if not tls:
        raise ConfigError(f"PACHD_CA_FILE={file}: is for TLS, but PACHD_ADDRESS does not begin with grpcs://")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"PACHD_CA_FILE={file}: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ConfigError(f"PACHD_CA_FILE={file}: expected certificates in PEM form")
    return path


def _token(text: str | None) -> str | None:
    token = (text or "").strip()
    if not (token.isascii() and token.isprintable()):
        raise ConfigError("PACH_PYTHON_AUTH_TOKEN: holds characters that no token has; copy it again")
    return token or None
