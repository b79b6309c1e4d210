"""What an earlier gate found of a version, so that the same model is not put to the same images again."""

import base64

import numpy as np
from numpy.typing import NDArray

from fmnist.core.provenance import DataReference
from fmnist.errors import IntegrityError, NotFoundError
from fmnist.gate.evidence import read_evidence
from fmnist.gate.keys import Key
from fmnist.gate.signature import signed_result
from fmnist.registry.base import ModelRegistry, ModelVersion


def packed(right: NDArray[np.bool_]) -> str:
    """One bit for each image as base64."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def remembered(
    registry: ModelRegistry, version: ModelVersion, data: DataReference, images: int, key: Key
) -> NDArray[np.bool_] | None:
    """Which of the ``images`` images of ``data`` the version names right, [images].

    None if no verdict that ``key`` signed tells it: never tested, tested on other data, altered, or
    by a gate that did not keep it. Then the model has to be asked.
    """
    try:
        result = signed_result(version, key)
        if result is None or result.test_data != data:
            return None
        kept = base64.b64decode(read_evidence(registry, version, result.evidence_sha256).named_right)
    except (IntegrityError, NotFoundError, ValueError):
        return None
    bits = np.frombuffer(kept, np.uint8)
    return np.unpackbits(bits, count=images).astype(np.bool_) if len(bits) == -(-images // 8) else None
