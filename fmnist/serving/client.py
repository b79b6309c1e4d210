"""Client of the served model by HTTP and Seldon's messages."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import requests

from fmnist.core.dataset import Images
from fmnist.errors import ConfigError, FmnistError, PayloadError, TimedOut, UnavailableError
from fmnist.serving.codecs.seldon_v1 import Message

_HERE = ("127.0.0.1", "::1", "localhost")
_API = re.compile(r"(/api/v[01]\.[01](/.*)?|/predict|/)/*$")


@dataclass(frozen=True)
class Prediction:
    """Prediction for one image.

    Attributes:
        label: the most probable class.
        probabilities: 0-1, by class name.
    """

    label: str
    probabilities: Mapping[str, float]

    @property
    def probability(self) -> float:
        """Probability of ``label``, 0-1."""
        return self.probabilities[self.label]


@dataclass(frozen=True)
class Response:
    """Response of the server.

    Attributes:
        predictions: one for each image sent.
        tags: the version that predicted, and its lineage.
    """

    predictions: tuple[Prediction, ...]
    tags: Mapping[str, Any]


class Client:
    """HTTP client of a served model.

        >>> from fmnist import Client
        >>> with Client("http://127.0.0.1:8080/seldon/default/fashion-classifier") as client:
        ...     response = client.predict(images)  # doctest: +SKIP

    Args:
        url: the model's address, ``http://host/seldon/namespace/name``; ``http://`` and the paths of the
            API may be there or not.
        seconds: deadline of a request.

    Raises:
        ConfigError: the address is none.
    """

    def __init__(self, url: str, seconds: float = 30.0) -> None:
        self._url, host = _address(url)
        self._is_here = host in _HERE
        self._seconds = seconds
        self._session = requests.Session()
        # A proxy that the environment names would look for a server on its own machine.
        self._session.trust_env = not self._is_here

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def predict(self, images: Images) -> Response:
        """Classify ``images``, uint8 0-255 [n, 28, 28].

        Raises:
            PayloadError: the server refuses them; the message is its reason.
            UnavailableError: the connection failed, or the response is no prediction.
            TimedOut: no response in time.
        """
        tensor = {"shape": list(images.shape), "values": images.ravel().tolist()}
        return self._post({"data": {"tensor": tensor}})

    def predict_file(self, content: bytes) -> Response:
        """Classify a PNG or JPEG file (or raw pixels); raises like ``predict``."""
        return self._post({"strData": base64.b64encode(content).decode()})

    def _post(self, message: Message) -> Response:
        url = f"{self._url}/api/v1.0/predictions"
        try:
            response = self._session.post(url, json=message, timeout=self._seconds)
        except requests.Timeout as error:
            raise TimedOut(f"{url}: no response within {self._seconds:.0f} s") from error
        except requests.RequestException as error:
            hint = "; start the gateway with `make up`" if self._is_here else ""
            raise UnavailableError(f"{url}: connection failed ({_cause(error)}){hint}") from error
        if not response.ok:
            raise _refusal(url, response)
        try:
            return _read(response.json())
        except (ValueError, KeyError, TypeError) as error:
            raise UnavailableError(f"{url}: the response is no prediction ({error!r})") from error


def _address(url: str) -> tuple[str, str]:
    """The model's address without what the API puts behind it, and its host."""
    address = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        is_one = False
    if not is_one:
        raise ConfigError(f"{url}: expected an address such as http://HOST:PORT/seldon/NAMESPACE/NAME")
    path = _API.sub("", parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), parts.hostname or ""


def _read(message: Message) -> Response:
    data = message["data"]
    names = data["names"]
    predictions = []
    for row in data["ndarray"] if "ndarray" in data else _rows(data["tensor"]):
        probabilities = {name: float(value) for name, value in zip(names, row, strict=True)}
        predictions.append(Prediction(max(probabilities, key=probabilities.__getitem__), probabilities))
    return Response(tuple(predictions), message["meta"]["tags"])


def _rows(tensor: Message) -> list[list[float]]:
    values, width = tensor["values"], tensor["shape"][-1]
    return [values[start : start + width] for start in range(0, len(values), width)]


def _refusal(url: str, response: requests.Response) -> FmnistError:
    try:
        status = response.json()["status"]
        reason, info = str(status["reason"]), str(status["info"])
    except (ValueError, KeyError, TypeError):
        reason, info = "NO_REASON", response.text[:200]
    text = f"{response.status_code} {reason}: {info}"
    if response.status_code in (400, 413, 415):
        return PayloadError(text, reason=reason, http_status=response.status_code)
    if response.status_code in (408, 504):
        return TimedOut(f"{url}: {text}")
    return UnavailableError(f"{url}: {text}")


def _cause(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error)
