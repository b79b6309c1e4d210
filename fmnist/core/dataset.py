"""Images with their labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Dataset:
    """``images``: uint8, 0-255, shape [n, 28, 28]; ``labels``: uint8, 0-9, shape [n]."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)
