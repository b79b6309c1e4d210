"""What the gate measures of a model version, and nothing of how."""

from dataclasses import dataclass

from fmnist.gate.verdict import Interval


@dataclass(frozen=True)
class Estimate:
    """A measured value and, unless it is exact, where the true one lies with 95 % confidence."""

    value: float
    uncertainty: Interval | None


@dataclass(frozen=True)
class Measurement:
    """Plain values, so that the decision is a function of values.

    ``altered_files`` counts the bundle's files that are not those registered; ``classes`` are as the
    bundle names them, in order; ``unusable`` counts the answers that are not ten finite shares (0-1)
    summing to 1. ``commits_ahead`` is how many commits the test data are newer than those that the
    policy names (negative: older), None if it names none; ``shared_images`` counts the test images
    that are also in the training data, byte for byte; ``synthetic`` tells of drawn images in either.

    ``accuracy``, ``macro_*`` and ``recall`` (by class number) are 0-1. ``calibration_error`` is the
    expected one, 0-1. ``drops`` are how much accuracy each of ``CORRUPTIONS`` takes, -1 to 1;
    ``steadiness`` is the share of images whose answer stays when they move by a pixel.
    ``latency_ms`` is for one image on one thread; ``size_bytes`` is of ``model.onnx``.
    """

    altered_files: int
    classes: tuple[str, ...]
    unusable: int
    images: int
    commits_ahead: int | None
    shared_images: int
    synthetic: bool
    accuracy: Estimate
    macro_precision: Estimate
    macro_recall: Estimate
    macro_f1: Estimate
    recall: tuple[Estimate, ...]
    calibration_error: Estimate
    drops: tuple[Estimate, ...]
    steadiness: Estimate
    latency_ms: float
    size_bytes: int
