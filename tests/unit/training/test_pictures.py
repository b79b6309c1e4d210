import io

import numpy as np
from PIL import Image

from fmnist.training.pictures import confusion_matrix


def test_confusion_matrix_is_a_png_that_shows_the_counts() -> None:
    blank, diagonal = (
        np.asarray(Image.open(io.BytesIO(confusion_matrix(counts, "title"))))
        for counts in (np.zeros((10, 10), np.int64), np.eye(10, dtype=np.int64) * 600)
    )
    assert blank.shape == diagonal.shape == (720, 720, 4)
    assert (blank != diagonal).any(axis=2).mean() > 0.05
