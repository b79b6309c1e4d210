"""Drawn garments, for machines that can have the real pictures from nowhere.

Each class is a rough silhouette of its garment with random cut, size, place, tilt, brightness,
texture and noise. A network can learn them; they are not Fashion-MNIST, and no figure got with
them says anything about it. The same seed gives the same bytes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Dataset, Images
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE, TEST, TRAIN, Split
from fmnist.data.base import SYNTHETIC_MARKER
from fmnist.data.formats.idx import write_idx
from fmnist.files.atomic import folder_written_atomically

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

TRAIN_IMAGES = 12_000
TEST_IMAGES = 2_000
VERSION = 1
"""Raised whenever other pictures are drawn for the same seed."""

Random = np.random.Generator
Points = list[tuple[float, float]]

_CLOTH, _SEAM, _NOTHING = 230, 150, 0
_CANVAS = 56
"""Drawn at twice the size, then averaged: the edges come out smooth."""


def draw(count: int, seed: int) -> Dataset:
    """``count`` garments, about as many of each class, in random order."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count, dtype=np.int64) % len(CLASSES)).astype(np.uint8)
    images = np.empty((count, *IMAGE_SHAPE), np.uint8)
    for index, label in enumerate(labels.tolist()):
        images[index] = _garment(label, random)
    return Dataset(images=images, labels=labels)


def write(folder: Path, seed: int = 20170825) -> None:
    """Both splits under the official names, and the marker file that tells them from the real ones."""
    with folder_written_atomically(folder) as beside:
        for number, (split, count) in enumerate(((TRAIN, TRAIN_IMAGES), (TEST, TEST_IMAGES))):
            _write_split(beside, split, draw(count, seed + number))
        (beside / SYNTHETIC_MARKER).write_text(
            f"Drawn by fmnist.data.synthetic, version {VERSION}, seed {seed}; not Fashion-MNIST.\n"
        )


def _write_split(folder: Path, split: Split, dataset: Dataset) -> None:
    (folder / split.images.name).write_bytes(write_idx(dataset.images))
    (folder / split.labels.name).write_bytes(write_idx(dataset.labels))


def _garment(label: int, random: Random) -> Images:
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (_CANVAS, _CANVAS))
    _SHAPES[label](_Pen(ImageDraw.Draw(canvas), random), random)
    shape = np.asarray(canvas, np.float32).reshape(28, 2, 28, 2).mean(axis=(1, 3))
    return _textured(shape, random)


def _textured(shape: NDArray[np.float32], random: Random) -> Images:
    """Cloth: a brightness, stripes for some, a soft shade across, grain; black around it."""
    rows, columns = np.mgrid[0:28, 0:28].astype(np.float32)
    light = random.uniform(0.45, 1.0)
    across, down = random.uniform(-0.25, 0.25), random.uniform(-0.15, 0.15)
    cloth = light * (1 + across * (columns - 14) / 14 + down * (rows - 14) / 14)
    if random.random() < 0.3:
        along = rows if random.random() < 0.7 else columns
        cloth = cloth * (1 + random.uniform(0.1, 0.35) * np.sign(np.sin(along * random.uniform(0.7, 2.2))))
    grain = random.normal(0, random.uniform(6, 22), IMAGE_SHAPE)
    pixels: Images = np.clip(shape * cloth + grain * (shape > 8), 0, 255).astype(np.uint8)
    return pixels


class _Pen:
    """Draws in units of about half the picture around its middle, under one random placement."""

    def __init__(self, drawing: "ImageDraw", random: Random) -> None:
        self._drawing = drawing
        self._scale = 25 * random.uniform(0.85, 1.05) * np.array([random.uniform(0.85, 1.1), 1.0])
        self._shift = random.normal(_CANVAS / 2, 2.5, 2)
        self._skew = random.normal(0, 0.05)

    def polygon(self, points: Points, fill: int = _CLOTH) -> None:
        self._drawing.polygon(self._place(points), fill=fill)

    def mirrored(self, right: Points, fill: int = _CLOTH) -> None:
        """A polygon from its right half, top to bottom."""
        self.polygon(right + [(-x, y) for x, y in reversed(right)], fill)

    def line(self, points: Points, width: float, fill: int = _CLOTH) -> None:
        self._drawing.line(self._place(points), fill, max(1, round(width * 25)), "curve")

    def _place(self, points: Points) -> list[float]:
        skewed = np.array(points) @ np.array([[1, -self._skew], [self._skew, 1]])
        placed: list[float] = (skewed * self._scale + self._shift).ravel().tolist()
        return placed


def _top(pen: _Pen, random: Random, sleeve: float, hem: float) -> None:
    """A garment with sleeves; ``sleeve`` is how far they reach, 0 (none) to 1 (the wrist)."""
    width, neck = random.uniform(0.4, 0.5), random.uniform(0.14, 0.24)
    flare = random.uniform(-0.04, 0.08)
    tip = (width + 0.12 + 0.3 * sleeve**0.6, -0.62 + 1.3 * sleeve)
    pen.mirrored(
        [
            (neck, -0.88),
            (width + 0.04, -0.78),
            tip,
            (tip[0] - 0.22, tip[1] + 0.07),
            (width - 0.02, -0.3),
            (width + flare, hem),
        ]
    )
    pen.mirrored([(neck, -0.92), (neck * 0.6, -0.88 + random.uniform(0.06, 0.2))], _NOTHING)


def _t_shirt(pen: _Pen, random: Random) -> None:
    _top(pen, random, sleeve=random.uniform(0.12, 0.32), hem=random.uniform(0.7, 0.92))
    if random.random() < 0.35:
        y, size = random.uniform(-0.3, 0.1), random.uniform(0.1, 0.22)
        pen.mirrored([(size, y - size), (size, y + size)], int(random.integers(70, 180)))


def _pullover(pen: _Pen, random: Random) -> None:
    hem = random.uniform(0.62, 0.82)
    _top(pen, random, sleeve=random.uniform(0.85, 1.05), hem=hem)
    pen.line([(-0.42, hem - 0.08), (0.42, hem - 0.08)], 0.05, _SEAM)


def _coat(pen: _Pen, random: Random) -> None:
    _top(pen, random, sleeve=random.uniform(0.85, 1.05), hem=random.uniform(0.78, 0.95))
    pen.line([(0, -0.6), (random.normal(0, 0.02), 0.95)], 0.07, int(random.integers(20, 110)))
    pen.line([(-0.22, -0.86), (0, -0.3), (0.22, -0.86)], 0.06, _SEAM)


def _shirt(pen: _Pen, random: Random) -> None:
    _top(pen, random, sleeve=random.choice([random.uniform(0.15, 0.45), random.uniform(0.8, 1.0)]), hem=0.82)
    pen.line([(0, -0.7), (0, 0.8)], 0.03, _SEAM)
    pen.mirrored([(0.2, -0.9), (0.12, -0.66), (0, -0.78)], _SEAM)


def _trouser(pen: _Pen, random: Random) -> None:
    waist, leg = random.uniform(0.24, 0.34), random.uniform(0.14, 0.24)
    gap, crotch = random.uniform(0.05, 0.14), random.uniform(-0.5, -0.3)
    outer = waist + random.uniform(-0.02, 0.1)
    pen.mirrored([(waist, -0.95), (outer, crotch), (gap + leg, 0.95), (gap, 0.95), (0, crotch)])


def _dress(pen: _Pen, random: Random) -> None:
    shoulder, waist = random.uniform(0.2, 0.32), random.uniform(0.16, 0.26)
    hem = waist + random.uniform(0.08, 0.34)
    pen.mirrored([(shoulder, -0.95), (shoulder + 0.02, -0.6), (waist, -0.15), (hem, 0.95)])
    pen.mirrored([(shoulder * 0.55, -0.97), (shoulder * 0.3, -0.75)], _NOTHING)
    if random.random() < 0.3:
        pen.line([(shoulder, -0.85), (shoulder + 0.2, random.uniform(-0.5, 0.3))], 0.12)
        pen.line([(-shoulder, -0.85), (-shoulder - 0.2, random.uniform(-0.5, 0.3))], 0.12)


def _bag(pen: _Pen, random: Random) -> None:
    width, top, bottom = random.uniform(0.65, 0.92), random.uniform(-0.35, 0.0), random.uniform(0.55, 0.8)
    narrow = random.uniform(0.78, 1.0)
    handle, rise = random.uniform(0.25, 0.55), random.uniform(0.25, 0.6)
    turn = np.linspace(0, np.pi, 9)
    pen.line(
        [(float(handle * np.cos(t)), float(top - rise * np.sin(t))) for t in turn], random.uniform(0.06, 0.12)
    )
    pen.mirrored([(width * narrow, top), (width, bottom)])
    if random.random() < 0.5:
        y = top + random.uniform(0.1, 0.3)
        pen.line([(-width * narrow, y), (width * narrow, y)], 0.05, _SEAM)


def _sandal(pen: _Pen, random: Random) -> None:
    heel = random.uniform(0.0, 0.4)
    sole = [(-0.92, 0.5), (-0.3, 0.48), (0.35, 0.42 - heel), (0.88, 0.3 - heel)]
    pen.line(sole, random.uniform(0.1, 0.17))
    if heel > 0.12:
        pen.polygon([(0.68, 0.34 - heel), (0.92, 0.3 - heel), (0.88, 0.55), (0.78, 0.55)])
    for x in random.uniform(-0.75, -0.1, random.integers(2, 4)).tolist():
        pen.line([(x - 0.12, 0.46), (x + 0.15, random.uniform(0.0, 0.25)), (x + 0.4, 0.44)], 0.09)
    ankle = random.uniform(-0.55, -0.15) - heel / 2
    pen.line([(0.85, 0.3 - heel), (0.8, ankle), (0.4, ankle + 0.1), (0.35, 0.4 - heel)], 0.08)


def _sneaker(pen: _Pen, random: Random) -> None:
    collar, toe = random.uniform(-0.3, -0.08), random.uniform(0.1, 0.24)
    pen.polygon(
        [
            (-0.95, 0.5),
            (-0.92, toe + 0.05),
            (-0.55, toe - 0.08),
            (-0.05, collar + 0.05),
            (0.2, collar - 0.06),
            (0.55, collar + 0.12),
            (0.9, collar - 0.08),
            (0.95, 0.5),
        ]
    )
    pen.line([(-0.95, 0.5), (0.95, 0.5)], random.uniform(0.1, 0.18), int(random.integers(120, 255)))
    if random.random() < 0.6:
        pen.line([(0.1, 0.35), (0.35, collar + 0.2)], random.uniform(0.06, 0.14), _SEAM)


def _ankle_boot(pen: _Pen, random: Random) -> None:
    shaft, toe = random.uniform(-0.9, -0.6), random.uniform(0.12, 0.3)
    front = random.uniform(-0.05, 0.15)
    pen.polygon(
        [
            (-0.92, 0.62),
            (-0.9, toe + 0.08),
            (-0.45, toe - 0.08),
            (front - 0.08, -0.12),
            (front, shaft),
            (0.82, shaft - 0.04),
            (0.88, 0.62),
        ]
    )
    if random.random() < 0.5:
        heel = random.uniform(0.66, 0.85)
        pen.polygon([(0.4, 0.6), (0.9, 0.6), (0.88, heel), (0.5, heel)])
        pen.polygon([(-0.4, 0.56), (0.4, 0.56), (0.4, 0.7), (-0.4, 0.64)], _NOTHING)
    else:
        pen.line([(-0.92, 0.64), (0.9, 0.64)], 0.1, int(random.integers(120, 255)))


_SHAPES: tuple[Callable[[_Pen, Random], None], ...] = (
    _t_shirt,
    _trouser,
    _pullover,
    _dress,
    _coat,
    _sandal,
    _shirt,
    _sneaker,
    _bag,
    _ankle_boot,
)
"""By class number."""
