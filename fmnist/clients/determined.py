"""Client of a Determined master: log-in, deadlines, and one mapping of its errors.

Imported before any other module of determined, because it silences the warnings of determined's imports.
No token is kept on disk: ``det``'s cached token stays valid after a password has changed.
"""

import os
import re
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from urllib3.util.retry import Retry

from fmnist.errors import ConfigError, FmnistError, InputError, NotFoundError, TimedOut, UnavailableError
from fmnist.settings import DeterminedLogin

with warnings.catch_warnings():
    # determined's modules warn of each other when they are imported (0.38.1).
    warnings.simplefilter("ignore", FutureWarning)
    import determined.errors as det_errors
    import determined.experimental  # noqa: F401
    from determined._execution import InvalidHP
    from determined.common.api import _session as api_session
    from determined.common.api import authentication, bindings, certs, errors
    from determined.common.api._session import BaseSession
    from determined.common.api._util import canonicalize_master_url

_SECONDS = 60
_TRIES = 20
_AWAY = (502, 503, 504)
_RETRIES = Retry(total=3, read=1, backoff_factor=0.5, status_forcelist=_AWAY, raise_on_status=False)
"""For idempotent requests: urllib3 does not repeat POST and PATCH."""


class _Limited(BaseSession):
    """A session with a deadline of ``seconds``; determined's sessions have none."""

    seconds: float | None = None

    def _do_request(
        self,
        method: str,
        path: str,
        params: dict[str, Any] | None,
        json: Any,
        data: str | None,
        headers: dict[str, Any] | None,
        timeout: int | None,
        stream: bool,
    ) -> requests.Response:
        deadline: Any = timeout or self.seconds or _SECONDS
        return super()._do_request(method, path, params, json, data, headers, deadline, stream)


class _AnonymousSession(_Limited, api_session.UnauthSession):
    """A session before the log-in."""


class Session(_Limited, api_session.Session):
    """A user's session."""


class _TrialSession(_Limited, api_session.TaskSession):
    """A trial's session."""


def enable_retries(session: BaseSession) -> None:
    """Let a trial's session survive a restart of the master, also behind a proxy, with deadlines."""
    session.__class__ = _TrialSession
    session._max_retries = Retry(
        total=_TRIES, backoff_factor=0.5, status_forcelist=_AWAY, allowed_methods=None, raise_on_status=False
    )


def log_in(login: DeterminedLogin) -> Session:
    """A session at the master that ``login`` names.

    Raises:
        ConfigError: the address is invalid, or the master rejects the credentials.
        UnavailableError: no Determined master responds at the address.
        TimedOut: the master responds too slowly.
    """
    scheme, separator, _ = login.master.partition("://")
    if separator and scheme.lower() not in ("http", "https"):
        raise ConfigError(f"DET_MASTER={login.master}: expected http://HOST:PORT or https://HOST:PORT")
    try:
        master = canonicalize_master_url(login.master)
    except ValueError as error:
        raise ConfigError(f"DET_MASTER={login.master}: {error}") from error
    _check_certificates()
    with errors_mapped(master):
        cert = certs.default_load(master)
        anonymous = _AnonymousSession(master=master, cert=cert, max_retries=_RETRIES)
        body = bindings.v1LoginRequest(
            username=login.user, password=authentication.salt_and_hash(login.password), isHashed=True
        )
        token = bindings.post_Login(anonymous, body=body).token
    return Session(master=master, username=login.user, token=token, cert=cert, max_retries=_RETRIES)


def _check_certificates() -> None:
    """Raise ConfigError for a file of certificates that is not there; determined would go on without."""
    for variable in ("DET_MASTER_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        path = os.environ.get(variable, "")
        is_switch = variable == "DET_MASTER_CERT_FILE" and path.lower() == "noverify"
        if path and not is_switch and not Path(path).exists():
            raise ConfigError(f"{variable}={path}: no such file; it holds certificates of authorities (PEM)")


@contextmanager
def errors_mapped(master: str) -> Iterator[None]:
    """Raise the errors of determined, requests and urllib3 as those of this package."""
    try:
        yield
    except _FOREIGN as error:
        raise _translated(master, error) from error


def _translated(master: str, error: BaseException) -> FmnistError:
    where, reason = f"Determined at {master}", _reason(error)
    chain = tuple(_causes(error))
    if any(isinstance(cause, requests.exceptions.SSLError | ssl.SSLError) for cause in chain):
        return ConfigError(f"{where}: TLS failed ({reason}); {_TLS}")
    if any(isinstance(cause, _BAD_ADDRESSES) for cause in chain):
        return ConfigError(f"{where}: not an address ({reason}); check DET_MASTER")
    if any(isinstance(cause, _TIMEOUTS) and not isinstance(cause, _REFUSED) for cause in chain):
        return TimedOut(f"{where}: no answer in time; is the master busy or stuck?")
    if isinstance(error, errors.MasterNotFoundException | requests.ConnectionError):
        way, up = _way(master)
        return UnavailableError(
            f"{where}: cannot be reached{way} ({reason}); is DET_MASTER right and {up} up?"
        )
    if isinstance(error, errors.APIException) and not isinstance(error, errors.NotFoundException):
        return (InputError if error.status_code < 500 else UnavailableError)(f"{where}: {reason}")
    for classes, kind, advice in _KINDS:
        if isinstance(error, classes):
            return kind(f"{where}: {reason}{advice}")
    return UnavailableError(f"{where}: answered what no Determined 0.38 master does ({error!r}); is it one?")


_TLS = (
    "does the master speak TLS, and does DET_MASTER_CERT_FILE or REQUESTS_CA_BUNDLE name the authorities of "
    "its certificate (PEM)?"
)
_TIMEOUTS = (requests.Timeout, urllib3.exceptions.TimeoutError)
_REFUSED = (urllib3.exceptions.NewConnectionError,)
_BAD_ADDRESSES = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    urllib3.exceptions.LocationValueError,
)
_KINDS: tuple[tuple[tuple[type[BaseException], ...], type[FmnistError], str], ...] = (
    (
        (errors.UnauthenticatedException, errors.ForbiddenException),
        ConfigError,
        "; check DET_USER and DET_PASS",
    ),
    ((errors.NotFoundException, det_errors.CheckpointNotFound), NotFoundError, ""),
    ((det_errors.EnterpriseOnlyError,), ConfigError, ""),
    (
        (
            det_errors.InvalidExperimentException,
            det_errors.InvalidCheckpointException,
            det_errors.CheckpointStateException,
            InvalidHP,
        ),
        InputError,
        "",
    ),
    (
        (errors.CorruptTokenCacheException, errors.CorruptCertificateCacheException),
        UnavailableError,
        "",
    ),
    (
        (
            errors.BadRequestException,
            errors.BadResponseException,
            bindings.APIHttpError,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            det_errors.InternalException,
        ),
        UnavailableError,
        "; is a Determined master there?",
    ),
)
"""Error classes, by the first that fits: ours, and advice."""

_FOREIGN: tuple[type[BaseException], ...] = (
    *(one for classes, _, _ in _KINDS for one in classes),
    KeyError,
    ValueError,
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those behind it, which urllib3 names as reasons, requests as arguments."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            behind = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
            waiting += [behind, getattr(cause, "reason", None), *cause.args]


def _way(master: str) -> tuple[str, str]:
    """How this machine gets there, and what must be up for it."""
    proxy = requests.utils.select_proxy(master, requests.utils.get_environ_proxies(master))
    if not proxy:
        return "", "the master"
    parts = urlsplit(proxy)  # without user and password
    return f" through the proxy {parts.scheme}://{parts.hostname}:{parts.port}", "both proxy and master"


def _reason(error: BaseException) -> str:
    """One line about the innermost cause that has words, without the address of a Python object."""
    inner = [cause for cause in _causes(error) if isinstance(cause, _NETWORK)]
    text = str(inner[-1] if inner else error).strip().splitlines()
    # urllib3 begins with the connection's description.
    return (
        re.sub(r"<[^>]* object at 0x[0-9a-f]+>:? ?|^HTTPS?Connection\([^)]*\): ", "", text[0])
        if text
        else type(error).__name__
    )


_NETWORK = (urllib3.exceptions.NewConnectionError, ssl.SSLError)
