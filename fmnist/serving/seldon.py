"""Blueprint for the Flask app of seldon-core's microservice (1.17.1), and how that app reads a request.

Requests are read and checked here and not by Seldon, so that each refusal says what was wrong; every error
is answered in Seldon's format, and the routes of the Swagger page are added.
"""

import io
import json
import logging
from contextlib import suppress
from typing import Any, BinaryIO

from flask import Blueprint, Response, current_app, jsonify, redirect, request, send_from_directory
from flask.blueprints import BlueprintSetupState
from swagger_ui_bundle import swagger_ui_path
from werkzeug.exceptions import (
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
# Seldon's routes for other kinds of graph nodes, and its description of them.
_UNUSED_ROUTES = ("TransformInput", "TransformOutput", "Route", "Aggregate", "openAPI")
_URLENCODED = "application/x-www-form-urlencoded"


def blueprint(page: str, document: Message) -> Blueprint:
    """The blueprint for one model, with the page and the document of ``fmnist.serving.openapi``."""
    routes = Blueprint("fmnist", __name__)
    routes.record(_take_trailing_slashes)
    routes.before_app_request(_refuse_unused_routes)
    routes.app_errorhandler(HTTPException)(_respond_http_error)
    routes.app_errorhandler(FmnistError)(_respond_own_error)
    routes.app_errorhandler(UnicodeDecodeError)(_respond_not_text)
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


def _take_trailing_slashes(setup: BlueprintSetupState) -> None:
    # Seldon's routes follow this one and take it from the map; a slash that is missing still redirects.
    setup.app.url_map.strict_slashes = False


def _refuse_unused_routes() -> None:
    if request.endpoint in _UNUSED_ROUTES:
        raise NotFound


def read_message(skip_decoding: bool = False) -> object:
    """The message in Flask's current request; takes the place of seldon-core's ``get_request``.

    Raises:
        PayloadError: there is none, or it is in no form that is known here.
        RequestEntityTooLarge: the body has more than ``MAX_BODY`` bytes.
    """
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise PayloadError(
            f"expected a body without Content-Encoding, got {encoding[:100]}; send it uncompressed",
            reason="BAD_CONTENT_ENCODING",
            http_status=415,
        )
    _limit_body()
    if request.mimetype == "multipart/form-data":
        return _read_multipart()
    fields = request.args if request.mimetype != _URLENCODED else request.form
    if "json" in fields:
        return _load(fields["json"])
    if request.mimetype == _URLENCODED:
        raise PayloadError("expected the form field json", reason="BAD_FIELD")
    content = request.get_data(cache=True)
    if not content:
        raise PayloadError("expected a JSON body, got none", reason="EMPTY")
    if not request.is_json:
        raise PayloadError(
            f"expected Content-Type application/json, multipart/form-data or {_URLENCODED}, "
            f"got {request.mimetype[:100] or 'none'}",
            reason="BAD_CONTENT_TYPE",
            http_status=415,
        )
    return _load(content)


def _read_multipart() -> Message:
    for name in request.files:
        if name not in ("binData", "strData"):
            raise PayloadError(
                f"expected a file part binData or strData, got {name[:100]}", reason="BAD_FIELD"
            )
    message: Message = {}
    for name, files in request.files.lists():
        contents = [file.read() for file in files]
        message[name] = tuple(contents if name == "binData" else [text.decode() for text in contents])
    for name, texts in request.form.lists():
        if len(texts) > 1 and name != "strData":
            raise PayloadError(f"expected the form field {name[:100]} once", reason="BAD_FIELD")
        message[name] = (*message.get(name, ()), *texts) if name == "strData" else _load(texts[0])
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


def error_document(reason: str, info: str) -> Message:
    """An error in Seldon's format: ``reason`` for machines, ``info`` for people."""
    return {"status": {"status": 1, "info": info, "code": -1, "reason": reason}}


def _respond(status: int, reason: str, info: str) -> Response:
    response: Response = jsonify(error_document(reason, info))
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


def respond_unexpected_error(error: Exception) -> Response:
    """Answer an error that nobody foresaw; takes the place of seldon-core's handler, which sends its text."""
    logger.error("unexpected error in %s %s", request.method, request.path, exc_info=error)
    return _respond(500, "INTERNAL_ERROR", "unexpected error; the service's log says more")
