"""Run in ``.venv-serve``: sends messages given as JSON on stdin by gRPC, prints what came back as JSON.

stdin   {"address": "127.0.0.1:5001", "calls": [["Predict", {…}], ["SendFeedback", {…}]]}
stdout  [{"code": "OK", "answer": {…}}, {"code": "UNKNOWN", "details": "…"}]
"""

import json
import sys
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
from google.protobuf import json_format  # type: ignore[import-untyped, unused-ignore]
from seldon_core.proto import prediction_pb2 as messages
from seldon_core.proto import prediction_pb2_grpc as services

REQUESTS = {
    "Predict": messages.SeldonMessage,
    "SendFeedback": messages.Feedback,
    "ModelMetadata": messages.SeldonModelMetadataRequest,
}


def call(stub: Any, method: str, message: Any) -> dict[str, Any]:
    request = json_format.ParseDict(message, REQUESTS[method]())
    try:
        answer = getattr(stub, method)(request, timeout=60)
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}
    return {"code": "OK", "answer": json_format.MessageToDict(answer)}


if __name__ == "__main__":
    work = json.load(sys.stdin)
    with grpc.insecure_channel(work["address"], [("grpc.max_send_message_length", -1)]) as channel:
        stub = services.SeldonStub(channel)
        print(json.dumps([call(stub, method, message) for method, message in work["calls"]]))  # noqa: T201
