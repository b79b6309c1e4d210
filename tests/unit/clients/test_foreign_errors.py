"""Every error of an engine's client library ends as one line of ours."""

import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

import grpc  # type: ignore[import-untyped, unused-ignore]
import mlflow.exceptions
import pytest
import python_pachyderm.errors as pachyderm_errors  # type: ignore[import-untyped, unused-ignore]
import requests
import sqlalchemy.exc
import urllib3
from alembic.util import CommandError
from determined import errors as det_errors
from determined.common.api import bindings, errors

from fmnist.clients import determined as client
from fmnist.clients.mlflow import errors_mapped as mlflow_errors_mapped
from fmnist.clients.pachyderm.connection import Connection
from fmnist.errors import ConfigError, FmnistError, TimedOut, UnavailableError
from fmnist.settings import DeterminedLogin
from fmnist.settings.pachd_address import server
from tests.support.http import HttpServer, QuietHandler

_MASTER = "https://determined.example.com:8080"


def _classes(*modules: ModuleType) -> Iterator[type[BaseException]]:
    for module in modules:
        for value in vars(module).values():
            if not isinstance(value, type) or not issubclass(value, BaseException):
                continue
            if value.__module__ == module.__name__ and not issubclass(value, Warning):
                yield value


_ATTRIBUTES = {
    "message": "first line\nsecond line",
    "status_code": 418,
    "partial": 1,
    "expected": 2,
    "length": 3,
    "statement": None,
    "params": None,
    "orig": None,
    "detail": (),
    "code": None,
    "hide_parameters": True,
}
"""What these classes set when they are made as their libraries do."""


def _made(kind: type[BaseException]) -> BaseException:
    """One that was never initialised, whatever its arguments are."""
    error = kind.__new__(kind, "first line\nsecond line")
    vars(error).update(_ATTRIBUTES)
    return error


def _check(error: BaseException, mapped: AbstractContextManager[None]) -> None:
    with pytest.raises(FmnistError) as caught, mapped:
        raise error
    assert str(caught.value)
    assert "\n" not in str(caught.value)


# How trial code of determined's own ends, which ours is not; and what experiments/determined/download.py
# names the checkpoint for.
_ELSEWHERE = {
    "StopLoadingImplementation",
    "WorkerError",
    "WorkerFinishedGracefully",
    "SkipWorkloadException",
    "NoDirectStorageAccess",
    "ProxiedDownloadFailed",
    "MultipleDownloadsFailed",
}


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in _classes(errors, det_errors, bindings, requests.exceptions, urllib3.exceptions)
        if kind.__name__ not in _ELSEWHERE
    ],
)
def test_errors_of_determined(kind: type[BaseException]) -> None:
    _check(_made(kind), client.errors_mapped(_MASTER))


# Of transactions, which the stores do not use, the last.
@pytest.mark.parametrize(
    "kind", [*list(_classes(pachyderm_errors))[:-1], grpc.FutureTimeoutError, grpc.FutureCancelledError]
)
def test_errors_of_pachyderm(kind: type[BaseException]) -> None:
    _check(_made(kind), Connection(server("grpc://127.0.0.1:1")).errors("looking"))


@pytest.mark.parametrize("kind", [*_classes(mlflow.exceptions, sqlalchemy.exc), CommandError])
def test_errors_of_mlflow(kind: type[BaseException]) -> None:
    _check(_made(kind), mlflow_errors_mapped("sqlite:////home/mlflow.db"))


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (
            requests.exceptions.SSLError(ssl.SSLError(1, "certificate verify failed")),
            ConfigError,
            "CERT_FILE",
        ),
        (requests.ConnectTimeout("no"), TimedOut, "no answer in time"),
        (requests.exceptions.InvalidURL("%zz"), ConfigError, "check DET_MASTER"),
        (requests.exceptions.ConnectionError("refused"), UnavailableError, "cannot be reached"),
        (KeyError("token"), UnavailableError, "no Determined 0.38 master"),
    ],
)
def test_what_to_do_is_said(error: Exception, kind: type[FmnistError], says: str) -> None:
    with pytest.raises(kind, match=says), client.errors_mapped(_MASTER):
        raise error


def test_a_master_that_speaks_no_tls_is_a_matter_of_the_address() -> None:
    with (
        HttpServer(QuietHandler) as server,
        pytest.raises(ConfigError, match=r"TLS failed .*DET_MASTER_CERT"),
    ):
        client.log_in(DeterminedLogin(f"https://127.0.0.1:{server.port}", "ada", "secret"))


@pytest.mark.parametrize("variable", ["DET_MASTER_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_missing_file_of_certificates_is_named(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "absent.pem"))
    with pytest.raises(ConfigError, match=rf"{variable}=.*absent\.pem: no such file"):
        client.log_in(DeterminedLogin(_MASTER, "ada", "secret"))


@pytest.mark.parametrize("address", ["ftp://x", "http://[::1", "a:b:c", "http://h:99999", "//", "http://a b"])
def test_a_broken_address_is_one_line(address: str) -> None:
    with pytest.raises(ConfigError, match="DET_MASTER") as caught:
        client.log_in(DeterminedLogin(address, "ada", "secret"))
    assert "\n" not in str(caught.value)
