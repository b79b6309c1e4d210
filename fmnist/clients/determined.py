"""Client of a Determined master: log-in, deadlines, and one mapping of its errors.

Imported before any other module of determined, because it silences the warnings of determined's imports.
No token is kept on disk: ``det``'s cached token stays valid after a password has changed.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
    import determined.experimental  # noqa: F401
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
    try:
        master = canonicalize_master_url(login.master)
    except ValueError as error:
        raise ConfigError(f"DET_MASTER={login.master}: {error}") from error
    with errors_mapped(master):
        cert = certs.default_load(master)
        anonymous = _AnonymousSession(master=master, cert=cert, max_retries=_RETRIES)
        body = bindings.v1LoginRequest(
            username=login.user, password=authentication.salt_and_hash(login.password), isHashed=True
        )
        token = bindings.post_Login(anonymous, body=body).token
    return Session(master=master, username=login.user, token=token, cert=cert, max_retries=_RETRIES)


@contextmanager
def errors_mapped(master: str) -> Iterator[None]:
    """Raise the errors of determined, requests and urllib3 as those of this package."""
    where = f"Determined at {master}"
    try:
        yield
    except (FmnistError, KeyboardInterrupt):
        raise
    except (errors.UnauthenticatedException, errors.ForbiddenException) as error:
        raise ConfigError(f"{where}: {_reason(error)}; check DET_USER and DET_PASS") from error
    except errors.NotFoundException as error:
        raise NotFoundError(f"{where}: {_reason(error)}") from error
    except errors.MasterNotFoundException as error:
        if _is_a_timeout(error):
            raise TimedOut(f"{where}: no answer in time; is the master busy or stuck?") from error
        way, up = _way(master)
        raise UnavailableError(
            f"{where}: cannot be reached{way} ({_reason(error)}); is DET_MASTER right and {up} up?"
        ) from error
    except errors.APIException as error:
        kind = InputError if error.status_code < 500 else UnavailableError
        raise kind(f"{where}: {_reason(error)}") from error
    except (errors.BadRequestException, requests.RequestException, bindings.APIHttpError) as error:
        if _is_a_timeout(error):
            raise TimedOut(f"{where}: no answer in time; is the master busy or stuck?") from error
        raise UnavailableError(f"{where}: {_reason(error)}; is a Determined master there?") from error
    except (KeyError, ValueError) as error:
        raise UnavailableError(
            f"{where}: answered what no Determined 0.38 master does ({error!r}); is it one?"
        ) from error


def _is_a_timeout(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
            return not isinstance(error, urllib3.exceptions.NewConnectionError)
        error = error.__cause__ or getattr(error, "reason", None) or error.__context__
    return False


def _way(master: str) -> tuple[str, str]:
    """How this machine gets there, and what must be up for it."""
    proxy = requests.utils.select_proxy(master, requests.utils.get_environ_proxies(master))
    if not proxy:
        return "", "the master"
    parts = urlsplit(proxy)  # without user and password
    return f" through the proxy {parts.scheme}://{parts.hostname}:{parts.port}", "both proxy and master"


def _reason(error: Exception) -> str:
    """One line, without the address of a Python object."""
    text = str(error).strip().splitlines()
    return re.sub(r"<[^>]* object at 0x[0-9a-f]+>:? ?", "", text[0]) if text else type(error).__name__
