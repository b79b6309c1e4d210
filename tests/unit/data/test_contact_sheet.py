import io

import numpy as np
import pytest
from PIL import Image

from fmnist.data.contact_sheet import contact_sheet


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_every_image_stands_at_its_place(count: int) -> None:
    images = np.zeros((count, 28, 28), np.uint8)
    images[:] = (np.arange(count, dtype=np.uint8) * 30 + 10)[:, None, None]
    picture = Image.open(io.BytesIO(contact_sheet(images, [f"no. {i}\nof {count}" for i in range(count)], 3)))
    pixels = np.asarray(picture.convert("L"))
    shades = {int(shade) for shade in np.unique(images)}
    width = 28 * 4 + 10
    for number in range(count):
        row, column = divmod(number, 3)
        left = 10 + column * width
        band = pixels[:, left : left + 28 * 4]
        rows = np.flatnonzero((band == images[number, 0, 0]).all(axis=1))
        assert len(rows) == 28 * 4, (number, shades)
        assert rows[0] == 10 + row * (28 * 4 + 2 * 15 + 10)
