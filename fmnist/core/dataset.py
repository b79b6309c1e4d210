"""Images with their labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and their labels.

        >>> import numpy as np
        >>> from fmnist import Dataset
        >>> len(Dataset(np.zeros((2, 28, 28), np.uint8), np.array([9, 0], np.uint8)))
        2

    Attributes:
        images: uint8, 0-255, shape [n, 28, 28].
        labels: uint8, 0-9, shape [n].
    """

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)
