"""Synthetic images, for machines that cannot get Fashion-MNIST from anywhere.

Each class is a coarse template of its garment, varied in size, place, brightness, pattern and noise. A
network can learn them; they are not Fashion-MNIST, and no metric measured on them says anything about it.
The same seed gives the same bytes.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Dataset, Images
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE, SPLITS, TEST, TRAIN, Split
from fmnist.data.base import SYNTHETIC_MARKER
from fmnist.data.formats import read_dataset
from fmnist.data.formats.idx import write_idx
from fmnist.errors import DataError
from fmnist.files.atomic import folder_written_atomically

TRAIN_IMAGES = 12_000
TEST_IMAGES = 2_000
VERSION = 2
"""Raised whenever other images are made for the same seed."""

_TEMPLATES = """
..###.. ..###.. ..###.. ..#.#.. ..###.. ....... ..#.#.. ....... ..###.. ....###
####### ..###.. ####### ..###.. ###.### ....... ###.### ....... .#...#. ....###
####### ..#.#.. ####### ...#... ###.### .....## ###.### ....### ####### ....###
..###.. ..#.#.. #.###.# ..###.. #.#.#.# ..##..# ..#.#.. .###### ####### ...####
..###.. ..#.#.. #.###.# ..###.. #.#.#.# ##..##. ..#.#.. ####### ####### #######
..###.. ..#.#.. #.###.# .#####. #.#.#.# ####### ..#.#.. ####### ####### #######
..###.. ..#.#.. ..###.. .#####. ..#.#.. ....... ..#.#.. ....... ####### ##...##
"""
"""Seven by seven cells for each class, side by side in the order of the classes."""


def draw(count: int, seed: int) -> Dataset:
    """``count`` images, about as many of each class, in random order."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % len(CLASSES)).astype(np.uint8)
    templates = _templates()
    images = [_varied(templates[label], random) for label in labels]
    return Dataset(np.array(images, np.uint8).reshape(-1, *IMAGE_SHAPE), labels)


def write(folder: Path, seed: int = 20170825) -> None:
    """Both splits under the official names, and the file that marks them as synthetic."""
    with folder_written_atomically(folder) as beside:
        for number, (split, count) in enumerate(((TRAIN, TRAIN_IMAGES), (TEST, TEST_IMAGES))):
            _write_split(beside, split, draw(count, seed + number))
        (beside / SYNTHETIC_MARKER).write_text(
            f"Made by fmnist.data.synthetic, version {VERSION}, seed {seed}; not Fashion-MNIST.\n"
        )


def is_whole(folder: Path) -> bool:
    """Whether ``write`` made the folder and no file of it is missing or damaged."""
    try:
        for split in SPLITS:
            read_dataset({file.name: (folder / file.name).read_bytes() for file in split.files})
    except (OSError, DataError):
        return False
    return (folder / SYNTHETIC_MARKER).is_file()


def _write_split(folder: Path, split: Split, dataset: Dataset) -> None:
    (folder / split.images.name).write_bytes(write_idx(dataset.images))
    (folder / split.labels.name).write_bytes(write_idx(dataset.labels))


def _templates() -> NDArray[np.bool_]:
    """The templates, bool [10, 7, 7]."""
    rows = [line.split() for line in _TEMPLATES.split("\n") if line]
    return np.array(
        [[[cell == "#" for cell in row[number]] for row in rows] for number in range(len(CLASSES))]
    )


def _varied(template: NDArray[np.bool_], random: np.random.Generator) -> Images:
    """One garment, [28, 28]: cloth with a brightness, stripes for some, and grain; black around it."""
    height, width = random.uniform(0.6, 1.0, 2) * IMAGE_SHAPE
    top, left = (
        random.normal((edge - size) / 2, 2) for edge, size in zip(IMAGE_SHAPE, (height, width), strict=True)
    )
    rows = np.floor((np.arange(28) - top) * 7 / height).astype(int)
    slant = random.normal(0, 0.08) * (np.arange(28) - 14)
    columns = np.floor((np.arange(28)[None, :] - left - slant[:, None]) * 7 / width).astype(int)
    shape = np.pad(template, 1)[np.clip(rows, -1, 7)[:, None] + 1, np.clip(columns, -1, 7) + 1]
    cloth = random.uniform(100, 230) + random.normal(0, random.uniform(6, 22), IMAGE_SHAPE)
    if random.random() < 0.3:
        cloth *= 1 - random.uniform(0.1, 0.4) * (np.arange(28) // random.integers(1, 4) % 2)[:, None]
    pixels: Images = np.clip(shape * cloth, 0, 255).astype(np.uint8)
    return pixels
