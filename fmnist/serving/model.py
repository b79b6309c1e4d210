"""One version of the model as a service, without any server: message in, message out."""

from collections import Counter
from collections.abc import Mapping

from fmnist.core.bundle import Bundle
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE
from fmnist.core.predictor import Predictor
from fmnist.errors import UnavailableError
from fmnist.serving.codecs.seldon_v1 import Message, read_request, write_answer


def lineage_tags(bundle: Bundle, version: str) -> dict[str, str]:
    """Where the model comes from, as every answer's ``meta.tags`` says it."""
    return {
        "model": bundle.metadata.model,
        "model_version": version,
        **bundle.metadata.provenance.fields(),
        "bundle_sha256": bundle.sha256,
    }


class Service:
    """Answers for one bundle. ``load`` comes after the last fork: ONNX Runtime has threads of its own."""

    def __init__(self, bundle: Bundle, version: str) -> None:
        self.tags: Mapping[str, str] = lineage_tags(bundle, version)
        self._bundle = bundle
        self._predictor: Predictor | None = None

    def load(self) -> None:
        """Load the model; it counts as loaded only if its known picture gives its known answer.

        Raises:
            IntegrityError: the graph does not load, or answers otherwise than recorded.
        """
        predictor = Predictor(self._bundle)
        predictor.check_known_answer()
        self._predictor = predictor

    def answer(self, message: object) -> Message:
        """Predict.

        Raises:
            PayloadError: the message cannot be read.
            UnavailableError: the model is not loaded.
        """
        request = read_request(message)
        return write_answer(request, self._loaded().predict(request.images), self.tags)

    def check(self) -> Message:
        """Readiness: the known picture, asked for again.

        Raises:
            IntegrityError: it is not answered as recorded.
            UnavailableError: the model is not loaded.
        """
        self._loaded().check_known_answer()
        return {"strData": "the known picture gives its known answer", "meta": {"tags": dict(self.tags)}}

    def describe(self) -> Message:
        """Seldon's model metadata."""
        return {
            "name": self.tags["model"],
            "versions": [self.tags["model_version"]],
            "platform": "onnxruntime",
            "inputs": [
                {"messagetype": "tensor", "schema": {"names": ["image"], "shape": [-1, *IMAGE_SHAPE]}}
            ],
            "outputs": [
                {"messagetype": "tensor", "schema": {"names": list(CLASSES), "shape": [-1, len(CLASSES)]}}
            ],
            "custom": dict(self.tags),
        }

    def _loaded(self) -> Predictor:
        if self._predictor is None:
            raise UnavailableError("the model is not loaded yet; try again in a second")
        return self._predictor


def class_counts(answer: Message) -> Mapping[str, int]:
    """How often each class is the best one in an answer."""
    return Counter(answer["meta"]["tags"]["class"])
