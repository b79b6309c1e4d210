"""Codec of Seldon messages, parsed from JSON: to images, and from probabilities back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Images
from fmnist.core.fashion_mnist import CLASSES
from fmnist.errors import PayloadError
from fmnist.serving.codecs.images import bytes_from_base64, images_from_bytes
from fmnist.serving.codecs.pixels import check_count, images_from_numbers

Message = dict[str, Any]
Form = Literal["tensor", "ndarray"]

_FIELDS = ("data", "binData", "strData")
_FORMS = ("tensor", "ndarray")
_META = {"puid": str, "tags": dict, "requestPath": dict}
_MESSAGE = {
    "data": {"tensor": {"shape": list, "values": list}, "ndarray": list, "tftensor": dict},
    "meta": _META,
    "binData": str | tuple,
    "strData": str | tuple,
}
"""Form of the messages in a feedback."""
_KINDS = {dict: "an object", list: "a list", str: "text", str | tuple: "text"}
_MAX_REWARD = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class PredictionRequest:
    """A readable request.

    Attributes:
        images: uint8 [n, 28, 28], n >= 1.
        form: in which the response is wanted.
        meta: to be echoed.
    """

    images: Images
    form: Form
    meta: Mapping[str, Any]


def read_request(message: object) -> PredictionRequest:
    """Read a SeldonMessage.

    Exactly one of ``data.tensor``, ``data.ndarray``, ``binData`` and ``strData`` holds the images;
    the last two are base64 of what ``images_from_bytes`` takes, or a tuple of such files, as forms and
    gRPC have them: ``bytes`` as they are, ``str`` in base64. The response to binary input is an ndarray.

    Raises:
        PayloadError: ``reason`` is one of EMPTY, BAD_FIELD, BAD_TYPE, BAD_SHAPE, BAD_RANGE,
            BAD_BASE64, BAD_IMAGE and TOO_LARGE (HTTP 413; all others 400).
    """
    if not isinstance(message, dict):
        raise PayloadError(
            f"expected a JSON object with one of {', '.join(_FIELDS)}, got {type(message).__name__}",
            reason="BAD_TYPE",
        )
    meta = _echoed(message.get("meta"))
    field = _only(message, _FIELDS, "the message")
    content = message[field]
    if field == "data":
        images, form = _read_data(content)
        return PredictionRequest(images, form, meta)
    files = content if isinstance(content, tuple) else (content,)
    check_count(len(files))
    images = np.concatenate([images_from_bytes(_bytes(field, file)) for file in files])
    check_count(len(images))
    return PredictionRequest(images, "ndarray", meta)


def read_feedback(message: object) -> float:
    """The reward of a Feedback.

    Its request is absent, without images, or one that ``read_request`` takes. Of response and truth nothing
    but the form is checked, as nothing else is used.

    Raises:
        PayloadError: as ``read_request``.
    """
    if not isinstance(message, dict):
        raise PayloadError(f"expected a JSON object, got {type(message).__name__}", reason="BAD_TYPE")
    for name in ("request", "response", "truth"):
        part = message.get(name)
        if part is None:
            continue
        _check_form(name, part, _MESSAGE)
        given = [field for field in _FIELDS if part.get(field) is not None]
        if len(given) > 1:
            raise PayloadError(f"{name}: expected only one of {', '.join(given)}", reason="BAD_FIELD")
        data = part.get("data") or {}
        if name == "request" and any((part.get("binData"), part.get("strData"), *map(data.get, _FORMS))):
            read_request(part)
    reward = message.get("reward")
    return check_reward(0 if reward is None else reward)


def check_reward(reward: object) -> float:
    """The reward, if it is a finite number that a metric can add up; else a PayloadError (BAD_TYPE)."""
    # Written so that NaN is none, either.
    if isinstance(reward, bool) or not isinstance(reward, int | float) or not abs(reward) <= _MAX_REWARD:
        raise PayloadError(f"reward: expected a finite number, got {str(reward)[:40]}", reason="BAD_TYPE")
    return float(reward)


def _check_form(where: str, value: object, form: Any) -> None:
    kind = dict if isinstance(form, dict) else form
    if not isinstance(value, kind):
        raise PayloadError(f"{where}: expected {_KINDS[kind]}, got {type(value).__name__}", reason="BAD_TYPE")
    if isinstance(form, dict) and isinstance(value, dict):
        for name, inner in form.items():
            if value.get(name) is not None:
                _check_form(f"{where}.{name}", value[name], inner)


def _bytes(field: str, file: object) -> bytes:
    if isinstance(file, bytes):
        return file
    if isinstance(file, str):
        return bytes_from_base64(file)
    raise PayloadError(f"{field}: expected base64, got {type(file).__name__}", reason="BAD_TYPE")


def write_response(
    request: PredictionRequest, probabilities: NDArray[np.float32], tags: Mapping[str, Any]
) -> Message:
    """The SeldonMessage with ``probabilities`` [n, 10] in the form of the request.

    ``tags`` and the predicted class of each image (``class``) are added to the client's tags, and replace
    those of the same name.
    """
    classes = [CLASSES[number] for number in probabilities.argmax(axis=1)]
    values: Message
    if request.form == "tensor":
        values = {"tensor": {"shape": list(probabilities.shape), "values": probabilities.ravel().tolist()}}
    else:
        values = {"ndarray": probabilities.tolist()}
    return {
        "data": {"names": list(CLASSES), **values},
        "meta": {**request.meta, "tags": {**request.meta.get("tags", {}), **tags, "class": classes}},
    }


def _read_data(data: object) -> tuple[Images, Form]:
    if not isinstance(data, dict):
        raise PayloadError(
            f"data: expected an object with tensor or ndarray, got {type(data).__name__}", reason="BAD_TYPE"
        )
    if _only(data, _FORMS, "data") == "ndarray":
        return images_from_numbers(data["ndarray"]), "ndarray"
    tensor = data["tensor"]
    if not isinstance(tensor, dict) or "shape" not in tensor or "values" not in tensor:
        raise PayloadError('data.tensor: expected {"shape": [28, 28], "values": [...]}', reason="BAD_FIELD")
    return images_from_numbers(tensor["values"], tensor["shape"]), "tensor"


def _only(message: Message, accepted: tuple[str, ...], where: str) -> str:
    given = [name for name in accepted if message.get(name) is not None]
    if len(given) != 1:
        found = ", ".join(sorted(map(str, message))[:10]) or "nothing"
        raise PayloadError(
            f"{where}: expected exactly one of {', '.join(accepted)}, got {found[:200]}",
            reason="BAD_FIELD" if message else "EMPTY",
        )
    return given[0]


def _echoed(meta: object) -> dict[str, Any]:
    if meta is None:
        return {}
    if not isinstance(meta, dict):
        raise PayloadError(f"meta: expected an object, got {type(meta).__name__}", reason="BAD_TYPE")
    kept = {name: meta[name] for name in _META if meta.get(name) is not None}
    for name, value in kept.items():
        if not isinstance(value, _META[name]):
            raise PayloadError(
                f"meta.{name}: expected {_META[name].__name__}, got {type(value).__name__}", reason="BAD_TYPE"
            )
    try:
        json.dumps(kept, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"meta: cannot be echoed: {error}", reason="BAD_TYPE") from None
    return kept
