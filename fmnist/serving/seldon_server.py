"""Servers of seldon-core's microservice (1.17.1): what it has in its code and no option for.

``adapt`` replaces functions of seldon-core and gunicorn in this process, before Seldon uses them.
"""

import json
import logging
import re
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from typing import Any

import grpc  # type: ignore[import-untyped]
from flask import Flask
from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]
from seldon_core import wrapper
from seldon_core.flask_utils import ANNOTATION_GRPC_MAX_MSG_SIZE
from seldon_core.gunicorn_utils import StandaloneApplication, UserModelApplication
from seldon_core.proto.prediction_pb2 import Feedback, SeldonMessage

from fmnist.errors import FmnistError, PayloadError, UnavailableError
from fmnist.serving.codecs.seldon_v1 import check_reward, read_feedback
from fmnist.serving.seldon import MAX_BODY, error_document, read_message, respond_unexpected_error

logger = logging.getLogger(__name__)

_REQUEST_SECONDS = 10.0
"""How long a client may take to send a request, and to take each part of the response."""

_MAX_LINE = 8190
"""Bytes of a request line, the most that gunicorn can be told: a picture's tensor as a query has 5,000."""

_HEALTH = re.compile(rb"GET (/api/v1\.0)?/health/")


def adapt(host: str | None) -> None:
    """Let the REST, gRPC and metrics servers of this process do what Seldon's own do not.

    They read requests and answer errors as ``fmnist.serving.seldon`` does, limit how long a request may
    take, keep a thread for health checks, and listen on ``host`` only instead of on 0.0.0.0.
    """
    load_config, get_grpc_server = StandaloneApplication.load_config, wrapper.get_grpc_server
    get_rest_app = wrapper.get_rest_microservice

    def load_own_config(application: StandaloneApplication) -> None:
        if host:
            application.options["bind"] = f"{host}:{application.options['bind'].rpartition(':')[2]}"
        application.options["limit_request_line"] = _MAX_LINE
        if isinstance(application, UserModelApplication):
            application.options["worker_class"] = f"{__name__}.{PatientWorker.__name__}"
        load_config(application)

    def get_own_rest_app(*args: Any) -> Flask:
        app: Flask = get_rest_app(*args)
        app.register_error_handler(Exception, respond_unexpected_error)
        return app

    def get_own_grpc_server(*args: Any, annotations: Mapping[str, str] = {}, **kwargs: Any) -> Any:
        server = get_grpc_server(
            *args, annotations={ANNOTATION_GRPC_MAX_MSG_SIZE: str(MAX_BODY), **annotations}, **kwargs
        )
        if host:
            add_port = server.add_insecure_port
            server.add_insecure_port = lambda address: add_port(f"{host}:{address.rpartition(':')[2]}")
        return server

    StandaloneApplication.load_config = load_own_config
    util.write_error = _write_error
    wrapper.get_rest_microservice = get_own_rest_app
    wrapper.get_grpc_server = get_own_grpc_server
    wrapper.get_request = read_message
    wrapper.json_to_feedback = lambda message: Feedback(reward=read_feedback(message))
    wrapper.SeldonModelGRPC = GrpcService


def _write_error(sock: socket.socket, status: int, reason: str, info: str) -> None:
    """Send gunicorn's own errors, about requests that reach no app, in Seldon's format."""
    body = json.dumps(error_document(reason.upper().replace(" ", "_"), info)).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode() + body)


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker, in which slow clients hold up no health checks, and others not for long."""

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """The threads for requests; that for health checks is beside them."""
        self._health = ThreadPoolExecutor(1)
        pool: ThreadPoolExecutor = super().get_thread_pool()
        return pool

    def accept(self, server: Any, listener: socket.socket) -> None:
        """Accept a connection; no thread waits for its first bytes, as none does after a response."""
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        conn = TConn(self.cfg, sock, client, server)
        self.nr_conns += 1
        conn.set_timeout()
        with self._lock:
            self._keep.append(conn)
            self.poller.register(sock, EVENT_READ, partial(self.reuse_connection, conn))

    def enqueue_req(self, conn: TConn) -> None:
        """Let a thread read and answer the request that has begun to come."""
        begin = b""
        try:
            begin = conn.sock.recv(4096, socket.MSG_PEEK)
        except OSError:
            logger.debug("the connection is gone")
        conn.init()
        # Only one that is there whole: nobody shall hold this thread, either.
        is_health = _HEALTH.match(begin) and b"\r\n\r\n" in begin
        pool = self._health if is_health else self.tpool
        self._wrap_future(pool.submit(self.handle, conn), conn)

    def handle(self, conn: TConn) -> tuple[bool, TConn]:
        """Read and answer one request; whether the connection can be kept."""
        timed = TimedSocket(conn.sock, _REQUEST_SECONDS)
        conn.parser.unreader.sock = timed
        keep, _ = super().handle(conn)
        return keep and not timed.is_late, conn

    def handle_error(self, request: Any, client: Any, address: Any, error: BaseException) -> None:
        """Answer an error that came before the app was reached."""
        if isinstance(error, PayloadError):
            _write_error(client, error.http_status, error.reason, str(error))
        else:
            super().handle_error(request, client, address, error)


class TimedSocket:
    """A socket of which one request has to come within ``seconds``, however slowly it trickles in."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self.is_late = False
        self._socket = sock
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def recv(self, size: int) -> bytes:
        """The next bytes.

        Raises:
            PayloadError: TIMED_OUT (HTTP 408).
        """
        try:
            self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
            return self._socket.recv(size)
        except TimeoutError:
            self.is_late = True
            raise PayloadError(
                f"expected the whole request within {self._seconds:.0f} s, got a part of it",
                reason="TIMED_OUT",
                http_status=408,
            ) from None
        finally:
            self._socket.settimeout(self._seconds)


class GrpcService(wrapper.SeldonModelGRPC):  # type: ignore[misc]
    """Seldon's gRPC service, with a status for each error and no methods that a model does not have."""

    def Predict(self, request: SeldonMessage, context: Any) -> Any:  # noqa: N802
        """Classify images."""
        with _status_of_errors(context):
            return super().Predict(request, context)

    def SendFeedback(self, request: Feedback, context: Any) -> Any:  # noqa: N802
        """Count a reward, once it is known to be a number."""
        with _status_of_errors(context):
            check_reward(request.reward)
            return super().SendFeedback(request, context)

    def _refuse(self, request: Any, context: Any) -> Any:
        """Refuse what only other kinds of graph nodes do."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "this is a model: it has Predict and SendFeedback")

    TransformInput = TransformOutput = Route = Aggregate = GraphMetadata = _refuse


@contextmanager
def _status_of_errors(context: Any) -> Iterator[None]:
    """End the call with the status that an error in the block stands for."""
    codes = grpc.StatusCode
    try:
        yield
    except PayloadError as error:
        code = codes.RESOURCE_EXHAUSTED if error.http_status == 413 else codes.INVALID_ARGUMENT
        context.abort(code, f"{error.reason}: {error}")
    except FmnistError as error:
        logger.error("%s", error)
        code = codes.UNAVAILABLE if isinstance(error, UnavailableError) else codes.INTERNAL
        context.abort(code, str(error))
