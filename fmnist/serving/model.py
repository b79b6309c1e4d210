"""A served model version without any server: message in, message out."""

from collections import Counter
from collections.abc import Mapping

from fmnist.core.bundle import Bundle
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE
from fmnist.core.predictor import Predictor
from fmnist.errors import UnavailableError
from fmnist.serving.codecs.seldon_v1 import Message, read_request, write_response


def lineage_tags(bundle: Bundle, version: str) -> dict[str, str]:
    """Origin of the model, as in the ``meta.tags`` of every prediction."""
    return {
        "model": bundle.metadata.model,
        "model_version": version,
        **bundle.metadata.provenance.fields(),
        "bundle_sha256": bundle.sha256,
    }


class ServedModel:
    """A bundle that answers Seldon messages. ``load`` it after the last fork: ONNX Runtime starts threads."""

    def __init__(self, bundle: Bundle, version: str) -> None:
        self.tags: Mapping[str, str] = lineage_tags(bundle, version)
        self._bundle = bundle
        self._predictor: Predictor | None = None

    def load(self) -> None:
        """Load the model, which counts as loaded only if it passes its self-test.

        Raises:
            IntegrityError: the graph does not load, or the self-test fails.
        """
        predictor = Predictor(self._bundle)
        predictor.check_golden_sample()
        self._predictor = predictor

    def predict(self, message: object) -> Message:
        """Predict.

        Raises:
            PayloadError: the message cannot be read.
            UnavailableError: the model is not loaded.
        """
        request = read_request(message)
        return write_response(request, self._loaded().predict(request.images), self.tags)

    def check(self) -> Message:
        """Run the self-test again, for readiness.

        Raises:
            IntegrityError: it fails.
            UnavailableError: the model is not loaded.
        """
        self._loaded().check_golden_sample()
        return {"strData": "the self-test passed", "meta": {"tags": dict(self.tags)}}

    def describe(self) -> Message:
        """Model metadata in Seldon's format."""
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


def class_counts(response: Message) -> Mapping[str, int]:
    """Number of images by predicted class."""
    return Counter(response["meta"]["tags"]["class"])
