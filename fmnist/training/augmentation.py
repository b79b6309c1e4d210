"""Random variations of training images. They happen here, never in the network that is exported."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fmnist.data.dataset import Images


def augment(images: Images, flip: float, shift: int, random: np.random.Generator) -> Images:
    """Varied copies of ``images`` [n, 28, 28].

    Args:
        images: uint8, 0-255; left as they are.
        flip: probability, 0-1, that an image is mirrored left to right.
        shift: most pixels that an image moves by, up or down and left or right; black moves in.
        random: decides everything: the same state gives the same copies.
    """
    flipped = np.flatnonzero(random.random(len(images)) < flip)
    result = images.copy()
    result[flipped] = images[flipped, :, ::-1]
    return _shifted(result, shift, random) if shift else result


def _shifted(images: Images, most: int, random: np.random.Generator) -> Images:
    count, height, width = images.shape
    padded = np.pad(images, ((0, 0), (most, most), (most, most)))
    down, right = random.integers(0, 2 * most + 1, (2, count))
    windows = sliding_window_view(padded, (1, height, width))
    shifted: Images = windows[np.arange(count), down, right, 0]
    return shifted
