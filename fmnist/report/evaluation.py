"""An evaluation as files, for tools that read files."""

import csv
import io
import json
from pathlib import Path

import numpy as np

from fmnist.core.dataset import Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.metrics import Probabilities, score
from fmnist.files.atomic import write_atomically
from fmnist.tracking.figures import confusion_matrix

METRICS_FILE = "metrics.json"
CONFUSION_FILE = "confusion.csv"
PICTURE_FILE = "confusion.png"


def write_evaluation(folder: Path, probabilities: Probabilities, labels: Labels) -> None:
    """Write three files into ``folder``, which may hold others.

    ``metrics.json``: the scores, 0-1, recall by class name; ``confusion.csv``: the columns actual
    and predicted, class names, a row per image; ``confusion.png``: the confusion matrix.
    """
    scores = score(probabilities, labels)
    metrics = {**scores.scalars(), "recall": dict(zip(CLASSES, scores.recall, strict=True))}
    write_atomically(folder / METRICS_FILE, json.dumps(metrics, indent=2) + "\n")
    names = np.array(CLASSES)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("actual", "predicted"))
    writer.writerows(zip(names[labels], names[probabilities.argmax(axis=1)], strict=True))
    write_atomically(folder / CONFUSION_FILE, text.getvalue())
    title = f"{len(labels)} test images: accuracy {scores.accuracy:.4f}"
    write_atomically(folder / PICTURE_FILE, confusion_matrix(scores.confusion, title))
