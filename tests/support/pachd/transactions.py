"""Pachyderm's transactions, for what fmnist does in them: pipelines that come together or not at all."""
# ruff: noqa: N802  # The protocol names the methods.

import uuid
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
from google.protobuf import empty_pb2  # type: ignore[import-untyped, unused-ignore]
from python_pachyderm.proto.v2.transaction import (  # type: ignore[import-untyped, unused-ignore]
    transaction_pb2,
    transaction_pb2_grpc,
)

from tests.support.pachd.pps import PpsServicer


class TransactionServicer(transaction_pb2_grpc.APIServicer):  # type: ignore[misc]
    """What is asked within a transaction is checked at once, as with a real one, and done at its end."""

    def __init__(self, pps: PpsServicer) -> None:
        self._pps = pps

    def StartTransaction(self, request: Any, context: grpc.ServicerContext) -> Any:
        id_ = uuid.uuid4().hex
        self._pps.pending[id_] = []
        return transaction_pb2.Transaction(id=id_)

    def DeleteTransaction(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._pps.pending.pop(request.transaction.id, None)
        return empty_pb2.Empty()

    def FinishTransaction(self, request: Any, context: grpc.ServicerContext) -> Any:
        for pipeline in self._pps.pending.pop(request.transaction.id):
            self._pps.create(pipeline)
        return transaction_pb2.TransactionInfo(transaction=request.transaction)
