"""Pictures for the trackers, as PNG bytes."""

import io

import numpy as np
from numpy.typing import NDArray

from fmnist.fashion_mnist import CLASSES

_INCHES = 7.2
_DPI = 100


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
