"""What the gate measures of a model version, and nothing of how."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """Plain values, so that the decision is a function of values.

    ``classes`` as the bundle names them, in order; ``unusable`` counts the answers that are not ten
    finite shares (0-1) summing to 1; ``accuracy``, ``macro_f1`` and ``recall`` (per class) are 0-1;
    ``latency_ms`` is for one image on one thread; ``size_bytes`` is of ``model.onnx``.
    """

    classes: tuple[str, ...]
    images: int
    unusable: int
    accuracy: float
    macro_f1: float
    recall: tuple[float, ...]
    latency_ms: float
    size_bytes: int
