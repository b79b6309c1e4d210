"""Seam for seldon-core's microservice (1.17.1): a blueprint for its Flask app, and where it listens.

The blueprint checks requests before Seldon reads them, so that each refusal says what was wrong,
responds to every error in Seldon's format, and has the routes of the Swagger page.
"""

import io
import json
import logging
import math
from contextlib import suppress
from typing import Any, BinaryIO

from flask import Blueprint, Response, current_app, jsonify, redirect, request, send_from_directory
from seldon_core import wrapper
from seldon_core.gunicorn_utils import StandaloneApplication
from swagger_ui_bundle import swagger_ui_path
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
)

from fmnist.errors import FmnistError, PayloadError
from fmnist.serving.codecs.seldon_v1 import Message
from fmnist.serving.openapi import ASSETS, START

logger = logging.getLogger(__name__)

MAX_BODY = 8 << 20
"""Bytes of one request's body: 1,024 images as JSON need at most 6 MiB."""

_DRAINED = 8 * MAX_BODY
"""How much of an oversize body is read and dropped, so that the client gets the response and no reset."""

_DOC = "/api/v1.0/doc"
_WITH_BODY = ("Predict", "SendFeedback")
# Seldon's routes for other kinds of graph nodes, and its description of them.
_UNUSED_ROUTES = ("TransformInput", "TransformOutput", "Route", "Aggregate", "openAPI")
_URLENCODED = "application/x-www-form-urlencoded"
_UNEXPECTED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Seldon's own handler of Exception would send its text; Flask prefers handlers of narrower classes."""


def listen_on(host: str) -> None:
    """Make the REST, gRPC and metrics servers of this process listen on ``host`` only.

    seldon-core has 0.0.0.0 in its code and no option for it.
    """
    load_config, get_grpc_server = StandaloneApplication.load_config, wrapper.get_grpc_server

    def load_local_config(application: StandaloneApplication) -> None:
        application.options["bind"] = f"{host}:{application.options['bind'].rpartition(':')[2]}"
        load_config(application)

    def get_local_grpc_server(*args: Any, **kwargs: Any) -> Any:
        server = get_grpc_server(*args, **kwargs)
        add_port = server.add_insecure_port
        server.add_insecure_port = lambda address: add_port(f"{host}:{address.rpartition(':')[2]}")
        return server

    StandaloneApplication.load_config = load_local_config
    wrapper.get_grpc_server = get_local_grpc_server


def blueprint(page: str, document: Message) -> Blueprint:
    """The blueprint for one model, with the page and the document of ``fmnist.serving.openapi``."""
    routes = Blueprint("fmnist", __name__)
    routes.before_app_request(_check_request)
    routes.app_errorhandler(HTTPException)(_respond_http_error)
    routes.app_errorhandler(FmnistError)(_respond_own_error)
    routes.app_errorhandler(UnicodeDecodeError)(_respond_not_text)
    for kind in _UNEXPECTED:
        routes.app_errorhandler(kind)(_respond_unexpected_error)
    _add_documentation(routes, page, document)
    return routes


def _add_documentation(routes: Blueprint, page: str, document: Message) -> None:
    policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

    def index() -> Response:
        response = Response(page, mimetype="text/html")
        response.headers["Content-Security-Policy"] = policy
        return response

    def asset(name: str) -> Response:
        if name not in ASSETS:
            raise NotFound
        return send_from_directory(swagger_ui_path, name, max_age=86400)

    # Not by jsonify, which would sort the examples.
    text = json.dumps(document)
    # Relative: an absolute one would lose the gateway's prefix.
    routes.add_url_rule(_DOC, "doc", lambda: redirect("doc/"))
    routes.add_url_rule(f"{_DOC}/", "index", index)
    routes.add_url_rule(f"{_DOC}/seldon.json", "openapi", lambda: Response(text, mimetype="application/json"))
    routes.add_url_rule(f"{_DOC}/start.js", "start", lambda: Response(START, mimetype="text/javascript"))
    routes.add_url_rule(f"{_DOC}/<name>", "asset", asset)


def _check_request() -> None:
    if request.endpoint in _UNUSED_ROUTES:
        raise NotFound
    if request.endpoint not in _WITH_BODY:
        return
    _limit_body()
    message = _read_message()
    if not isinstance(message, dict):
        raise PayloadError(f"expected a JSON object, got {type(message).__name__}", reason="BAD_TYPE")
    if request.endpoint == "SendFeedback":
        reward = message.get("reward", 0)
        if type(reward) not in (int, float) or not math.isfinite(reward):
            raise PayloadError("reward: expected a number", reason="BAD_TYPE")


def _read_message() -> object:
    """The message that Seldon is about to read, found by the same rules."""
    if request.mimetype == "multipart/form-data":
        return _read_multipart()
    fields = request.args if request.mimetype != _URLENCODED else request.form
    if "json" in fields:
        return _load(fields["json"])
    if request.mimetype == _URLENCODED:
        raise PayloadError("expected the form field json", reason="BAD_FIELD")
    if not request.get_data(cache=True):
        raise PayloadError("expected a JSON body, got none", reason="EMPTY")
    if not request.is_json:
        raise PayloadError(
            f"expected Content-Type application/json, multipart/form-data or {_URLENCODED}, "
            f"got {request.mimetype[:100] or 'none'}",
            reason="BAD_CONTENT_TYPE",
            http_status=415,
        )
    try:
        # Flask keeps what it parsed: Seldon gets the same object.
        return request.get_json()
    except (BadRequest, RecursionError):
        return _load(request.get_data())


def _read_multipart() -> dict[str, object]:
    for name in request.files:
        if name not in ("binData", "strData"):
            raise PayloadError(
                f"expected a file part binData or strData, got {name[:100]}", reason="BAD_FIELD"
            )
    message: dict[str, object] = dict.fromkeys(request.files)
    for name, text in request.form.items():
        message[name] = text if name == "strData" else _load(text)
    if not message:
        raise PayloadError("expected a form with binData, strData or data, got an empty one", reason="EMPTY")
    return message


def _load(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        raise PayloadError("expected JSON, got one that is nested too deep", reason="BAD_JSON") from None
    except ValueError as error:
        raise PayloadError(f"expected JSON, got something else: {error}", reason="BAD_JSON") from None


def _limit_body() -> None:
    if (request.content_length or 0) > MAX_BODY:
        left = min(request.content_length, _DRAINED)
        while left > 0 and (chunk := request.stream.read(min(left, 1 << 16))):
            left -= len(chunk)
        raise RequestEntityTooLarge
    stream = request.environ["wsgi.input"]
    request.environ["wsgi.input"] = io.BufferedReader(_LimitedBody(stream, MAX_BODY))


class _LimitedBody(io.RawIOBase):
    """A body without a length (chunked) that ends with an error when it grows too large."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._stream.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise RequestEntityTooLarge
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _respond(status: int, reason: str, info: str) -> Response:
    response: Response = jsonify({"status": {"status": 1, "info": info, "code": -1, "reason": reason}})
    response.status_code = status
    return response


def _respond_own_error(error: FmnistError) -> Response:
    if isinstance(error, PayloadError):
        return _respond(error.http_status, error.reason, str(error))
    logger.error("%s", error, exc_info=error.__cause__ is not None)
    return _respond(error.http_status, type(error).__name__, str(error))


def _respond_not_text(error: UnicodeDecodeError) -> Response:
    return _respond(400, "BAD_TYPE", f"expected text in every part but the file binData: {error}")


def _respond_http_error(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return error.get_response()
    if isinstance(error, NotFound | MethodNotAllowed):
        allowed = _allowed_methods()
        wrong_method = allowed and request.method not in allowed
        error = MethodNotAllowed(valid_methods=allowed) if wrong_method else NotFound()
    reason, info = error.name.upper().replace(" ", "_"), f"{request.method} {request.path}: {error.name}"
    if isinstance(error, RequestEntityTooLarge):
        reason, info = "TOO_LARGE", f"expected a body of at most {MAX_BODY} bytes; send several requests"
    response: Response = error.get_response()
    response.data = _respond(0, reason, info).data
    response.content_type = "application/json"
    return response


def _allowed_methods() -> list[str]:
    # Seldon's app has a static folder at its root, so that every path matches GET: that one doesn't count.
    adapter = current_app.create_url_adapter(request)
    methods = []
    for method in ("GET", "POST"):
        with suppress(HTTPException):
            endpoint, _ = adapter.match(method=method)
            if endpoint not in (*_UNUSED_ROUTES, "static"):
                methods.append(method)
    return methods


def _respond_unexpected_error(error: Exception) -> Response:
    logger.error("unexpected error in %s %s", request.method, request.path, exc_info=error)
    return _respond(500, "INTERNAL_ERROR", "unexpected error; the service's log says more")
