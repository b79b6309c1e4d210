"""The server itself: its services on a port, started, stopped and started again."""
# ruff: noqa: N802  # The protocol names the methods.

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
from python_pachyderm.proto.v2.auth import (  # type: ignore[import-untyped, unused-ignore]
    auth_pb2,
    auth_pb2_grpc,
)
from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc  # type: ignore[import-untyped, unused-ignore]
from python_pachyderm.proto.v2.pps import pps_pb2_grpc  # type: ignore[import-untyped, unused-ignore]
from python_pachyderm.proto.v2.transaction import (  # type: ignore[import-untyped, unused-ignore]
    transaction_pb2_grpc,
)
from python_pachyderm.proto.v2.version.versionpb import (  # type: ignore[import-untyped, unused-ignore]
    version_pb2,
    version_pb2_grpc,
)

from fmnist.settings.pachd_address import Pachd
from tests.support.pachd.gate import Doors, Faults, Gate
from tests.support.pachd.pfs import PfsServicer
from tests.support.pachd.pps import PpsServicer
from tests.support.pachd.state import Refusal, State
from tests.support.pachd.transactions import TransactionServicer

_THREADS = 32
MESSAGE_BYTES = 1 << 16


class PachdServer:
    """Listens on 127.0.0.1; what it knows outlives ``stop``, and ``start`` takes the same port again."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None) -> None:
        self.state = State()
        self.pps = PpsServicer(self.state)
        self.faults = Faults()
        self.doors = Doors()
        self.gate = Gate(self.faults, self.doors)
        self.port = 0
        self._credentials = credentials
        self._server: Any = None

    @property
    def pachd(self) -> Pachd:
        return Pachd("localhost", self.port, tls=self._credentials is not None)

    @property
    def address(self) -> str:
        return self.pachd.url

    def start(self) -> None:
        server = grpc.server(
            ThreadPoolExecutor(_THREADS), interceptors=[self.gate], options=[("grpc.so_reuseport", 0)]
        )
        pfs_pb2_grpc.add_APIServicer_to_server(PfsServicer(self.state, MESSAGE_BYTES), server)
        pps_pb2_grpc.add_APIServicer_to_server(self.pps, server)
        transaction_pb2_grpc.add_APIServicer_to_server(TransactionServicer(self.pps), server)
        auth_pb2_grpc.add_APIServicer_to_server(_Auth(self.doors), server)
        version_pb2_grpc.add_APIServicer_to_server(_Version(), server)
        where = f"localhost:{self.port}"
        if self._credentials:
            self.port = server.add_secure_port(where, self._credentials)
        else:
            self.port = server.add_insecure_port(where)
        server.start()
        self._server = server

    def stop(self) -> None:
        """As if killed: calls in progress break off."""
        self._server.stop(grace=None).wait(10)


@contextmanager
def serving(credentials: grpc.ServerCredentials | None = None) -> Iterator[PachdServer]:
    server = PachdServer(credentials)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _Version(version_pb2_grpc.APIServicer):  # type: ignore[misc]
    def GetVersion(self, request: Any, context: grpc.ServicerContext) -> Any:
        return version_pb2.Version(major=2, minor=12, micro=0, additional="-fmnist-tests")


class _Auth(auth_pb2_grpc.APIServicer):  # type: ignore[misc]
    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def WhoAmI(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self._doors.roles is None:
            raise Refusal(grpc.StatusCode.UNIMPLEMENTED, "the auth service is not activated")
        return auth_pb2.WhoAmIResponse(username="robot:fmnist-ci")
