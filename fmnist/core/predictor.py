"""The model that is gated and served: a bundle's ONNX graph in ONNX Runtime, on one thread."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Images
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE
from fmnist.errors import IntegrityError

TOLERANCE = 1e-4
"""How far a probability may be from the golden sample's: machines differ in the last digits."""

_BATCH = 16
"""Images per call of the graph: it bounds the memory of a large request, and costs no time."""


class Predictor:
    """Probabilities for images; several threads may use one object at once.

    >>> import numpy as np
    >>> from pathlib import Path
    >>> from fmnist import Predictor, open_bundle
    >>> predictor = Predictor(open_bundle(Path("checkpoint")))
    >>> predictor.predict(np.zeros((2, 28, 28), np.uint8)).shape
    (2, 10)
    """

    def __init__(self, bundle: Bundle) -> None:
        """Load the graph.

        Raises:
            IntegrityError: ONNX Runtime does not take it, or its input or output is not ours.
        """
        self._bundle = bundle
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # The arena would never free the largest request's memory.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(bundle.onnx), options, providers=["CPUExecutionProvider"]
            )
        # ONNX Runtime's errors have no common class of their own.
        except Exception as error:
            raise IntegrityError(f"{bundle.onnx}: ONNX Runtime does not load it: {error}") from error
        self._input = self._only_input()

    def _only_input(self) -> str:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        found = [(part.type, part.shape[1:]) for part in (*inputs, *outputs)]
        if found != [("tensor(uint8)", list(IMAGE_SHAPE)), ("tensor(float)", [len(CLASSES)])]:
            raise IntegrityError(
                f"{self._bundle.onnx}: expected one input uint8 [n, 28, 28] and one output "
                f"float32 [n, {len(CLASSES)}], the graph has {found}"
            )
        name: str = inputs[0].name
        return name

    def predict(self, images: Images) -> NDArray[np.float32]:
        """Probabilities 0-1, float32 [n, 10], of ``images``, uint8 0-255 [n, 28, 28], n >= 1."""
        parts = [
            self._session.run(None, {self._input: images[start : start + _BATCH]})[0]
            for start in range(0, len(images), _BATCH)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def differences_from_golden_sample(self) -> list[str]:
        """The classes whose probability is further than ``TOLERANCE`` from the recorded one, in words."""
        golden = self._bundle.metadata.known_answer
        image = np.frombuffer(golden.pixels(), np.uint8).reshape(1, *IMAGE_SHAPE)
        expected = np.array(golden.probabilities, np.float32)
        actual = self.predict(image)[0]
        # Written so that NaN is a difference too.
        differing = np.flatnonzero(~(np.abs(actual - expected) <= TOLERANCE))
        return [f"{CLASSES[i]} {actual[i]:.6f} instead of {expected[i]:.6f}" for i in differing]

    def check_golden_sample(self) -> None:
        """Predict the bundle's golden sample.

        Raises:
            IntegrityError: a probability is not the recorded one.
        """
        if differences := self.differences_from_golden_sample():
            raise IntegrityError(
                f"{self._bundle.onnx}: the golden sample does not get its probabilities: "
                f"{', '.join(differences)}"
            )
