"""The Seldon wrapper: ``seldon-core-microservice FashionClassifier`` serves one bundle by REST and gRPC."""

import gc
import logging
import os
from pathlib import Path
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]
from seldon_core.proto.prediction_pb2 import Feedback, SeldonMessage

from fmnist.core.bundle import open_bundle
from fmnist.core.logs import VARIABLE, bind, configure
from fmnist.errors import FmnistError, IntegrityError, PayloadError
from fmnist.serving.codecs.seldon_v1 import Message
from fmnist.serving.model import ServedModel, class_counts
from fmnist.serving.openapi import openapi, page
from fmnist.serving.seldon import blueprint
from fmnist.serving.seldon_server import adapt

logger = logging.getLogger("fmnist.serving")


class FashionClassifier:
    """A model as seldon-core wants it; Seldon's parameters are the arguments.

    FMNIST_LISTEN_HOST in the environment replaces 0.0.0.0 as the address to listen on.

    Args:
        bundle: folder of the checkpoint bundle; it is verified at once and loaded after the fork.
        version: the model version, for responses and the Swagger page.
    """

    def __init__(self, bundle: str = "/model", version: str | int = "0") -> None:
        opened = open_bundle(Path(bundle))
        self._version = str(version)
        self._provenance = opened.metadata.provenance
        self._model = ServedModel(opened, self._version)
        adapt(os.environ.get("FMNIST_LISTEN_HOST"))
        # seldon-core registers this blueprint on its Flask app.
        self.model_error_handler = blueprint(page(opened, self._version), openapi(opened, self._version))

    def load(self) -> None:
        """Load the model; seldon-core calls it once in each process that predicts.

        Raises:
            IntegrityError: the model does not load, or fails its self-test.
        """
        try:
            self._model.load()
        except (AttributeError, NotImplementedError) as error:
            # seldon-core takes these two for "there is no load()" and would serve without a model.
            raise IntegrityError(f"the model does not load: {error!r}") from error
        # Python collects the whole heap only when a quarter of it is new. protobuf without its
        # C extension leaves a megabyte of cycles per message: what is here now shall not count.
        gc.freeze()
        if os.environ.get(VARIABLE):
            # Otherwise lines stay in the form that seldon-core gives them.
            configure()
        commit = self._provenance.train_data.commit
        bind(version=self._version, data_commit=commit, run=self._provenance.run)
        logger.info("version %s serves, trained on data commit %s", self._version, commit)

    def predict_raw(self, request: object) -> Message | SeldonMessage:
        """Classify images; a request by REST is a dict, one by gRPC a SeldonMessage, and so is its response.

        Raises:
            PayloadError: the request cannot be read.
        """
        try:
            if isinstance(request, SeldonMessage):
                return json_format.ParseDict(self._predict(_as_json(request)), SeldonMessage())
            return self._predict(request)
        except FmnistError:
            raise
        except Exception as error:
            logger.exception("unexpected error in a prediction")
            raise FmnistError("unexpected error; the service's log says more") from error

    def _predict(self, message: object) -> Message:
        response = self._model.predict(message)
        response["meta"]["metrics"] = [
            {
                "type": "COUNTER",
                "key": "fashion_classifier_predictions",
                "value": count,
                "tags": {"class": name, "version": self._version},
            }
            for name, count in class_counts(response).items()
        ]
        return response

    def send_feedback_raw(self, request: Feedback) -> SeldonMessage:
        """Count the feedback, good or bad; Seldon itself sums up the rewards."""
        counter = {
            "type": "COUNTER",
            "key": "fashion_classifier_feedback",
            "value": 1,
            "tags": {"version": self._version},
        }
        meta = {"tags": dict(self._model.tags), "metrics": [counter]}
        return json_format.ParseDict({"meta": meta}, SeldonMessage())

    def health_status_raw(self) -> Message:
        """Run the self-test, for readiness."""
        return self._model.check()

    def init_metadata(self) -> Message:
        """Model metadata, for ``/metadata``."""
        return self._model.describe()


def _as_json(message: SeldonMessage) -> dict[str, Any]:
    """The message as a dict, as by REST; a tensor's values do not take protobuf's slow way there."""
    meta = json_format.MessageToDict(message.meta)
    field = message.WhichOneof("data_oneof")
    if field == "binData":
        return {"binData": (message.binData,), "meta": meta}
    if field == "strData":
        return {"strData": message.strData, "meta": meta}
    if field != "data":
        return {str(field): True, "meta": meta} if field else {}
    form = message.data.WhichOneof("data_oneof")
    if form == "tensor":
        tensor = message.data.tensor
        return {
            "data": {"tensor": {"shape": list(tensor.shape), "values": list(tensor.values)}},
            "meta": meta,
        }
    try:
        return {"data": json_format.MessageToDict(message.data), "meta": meta}
    except json_format.Error as error:
        raise PayloadError(f"data: {error}", reason="BAD_TYPE") from None
