"""Pictures for the trackers, as PNG bytes."""

import io

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.metrics import Probabilities
from fmnist.data.contact_sheet import contact_sheet

_INCHES = 7.2
_DPI = 100
_COLUMNS = 10
_ERRORS = 40


def confusion_matrix(counts: NDArray[np.int64], title: str) -> bytes:
    """A PNG of ``counts`` [10, 10], rows the truth; shade is the share of the row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(_INCHES, _INCHES), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_title(title)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_xticks(range(len(CLASSES)), CLASSES, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=9)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def samples(dataset: Dataset) -> bytes:
    """A PNG of images with their classes."""
    return contact_sheet(dataset.images, [CLASSES[label] for label in dataset.labels], _COLUMNS)


def worst_errors(dataset: Dataset, probabilities: Probabilities) -> bytes:
    """A PNG of the images that were least thought to be what they are, the worst first, at most 40.

    ``probabilities`` [n, 10] are those that the network gives for them.
    """
    own = probabilities[np.arange(len(dataset)), dataset.labels]
    said = probabilities.argmax(axis=1)
    order = np.argsort(own, kind="stable")
    worst = order[said[order] != dataset.labels[order]][:_ERRORS]
    captions = [
        f"{CLASSES[dataset.labels[index]]} {own[index]:.0%}\n"
        f"said {CLASSES[said[index]]} {probabilities[index, said[index]]:.0%}"
        for index in worst
    ]
    return contact_sheet(dataset.images[worst], captions, _COLUMNS)
