"""Where pachd is and how one gets in, as the environment says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fmnist.errors import ConfigError

DEFAULT_PORT = 30650
_SCHEMES = {"grpc": False, "http": False, "grpcs": True, "https": True}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


@dataclass(frozen=True)
class Pachd:
    """A Pachyderm server.

    With ``tls`` the server's certificate is checked against the authorities in ``authorities`` (PEM),
    or against the public ones if that is None. ``token`` is shown nowhere. ``socks_proxy`` is how the
    rest of the cluster is reached, such as ``http_proxy=socks5://127.0.0.1:9999``, which carries no gRPC.
    """

    host: str
    port: int
    tls: bool = False
    authorities: Path | None = None
    token: str | None = field(default=None, repr=False)
    socks_proxy: str | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'grpcs' if self.tls else 'grpc'}://{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        return self.host in _LOOPBACK


def from_environment(environ: Mapping[str, str]) -> Pachd:
    """The server that PACHD_ADDRESS names; else a pod's own cluster; else a forwarded port of this machine.

    The token comes from PACH_PYTHON_AUTH_TOKEN, the authorities from PACHD_CA_FILE.

    Raises:
        ConfigError: a variable has a value that cannot be used.
    """
    address = environ.get("PACHD_ADDRESS") or _in_cluster(environ) or f"grpc://127.0.0.1:{DEFAULT_PORT}"
    host, port, tls = _parse(address)
    return Pachd(
        host=host,
        port=port,
        tls=tls,
        authorities=_authorities(environ.get("PACHD_CA_FILE"), tls),
        token=_token(environ.get("PACH_PYTHON_AUTH_TOKEN")),
        socks_proxy=_socks_proxy(environ),
    )


def _in_cluster(environ: Mapping[str, str]) -> str | None:
    """The address that Kubernetes gives to the pods of Pachyderm's namespace."""
    host, port = environ.get("PACHD_PEER_SERVICE_HOST"), environ.get("PACHD_PEER_SERVICE_PORT")
    return f"grpc://{host}:{port}" if host and port else None


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


def _socks_proxy(environ: Mapping[str, str]) -> str | None:
    for name in _PROXIES:
        if environ.get(name, "").startswith("socks"):
            return f"{name}={_without_user(environ[name])}"
    return None
