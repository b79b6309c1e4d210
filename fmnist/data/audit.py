"""Audit of labels and leaks: what may be wrong with a data set, and the report about it."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Dataset, Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.metrics import Probabilities
from fmnist.core.progress import Say
from fmnist.data.contact_sheet import contact_sheet
from fmnist.data.duplicates import NearDuplicate, near_duplicates
from fmnist.errors import DataError
from fmnist.files.atomic import write_atomically

REPORT_FILE = "audit.json"
MISLABELLED_FILE = "mislabelled.png"
DUPLICATES_FILE = "near-duplicates.png"

_FOLDS = 3
_MAX_FEATURES = 2500
_IMAGES_PER_FEATURE = 4
_GAMMA = 0.01
"""Width of the Gaussian kernel between images with pixels 0-1."""

_COLUMNS = 10
_SUSPECTS_SHOWN = 100
_DUPLICATES_SHOWN = 50


@dataclass(frozen=True)
class Suspect:
    """A training image whose label is likely wrong.

    Attributes:
        index: position of the image in the training data.
        label: class that it is labelled with, 0-9.
        suggested: class that the model predicts instead, 0-9.
        label_probability: probability of the label, 0-1.
        suggested_probability: probability of the suggested class, 0-1.
    """

    index: int
    label: int
    suggested: int
    label_probability: float
    suggested_probability: float


@dataclass(frozen=True)
class Audit:
    """Findings of an audit, the surest first.

    Attributes:
        images: number of training images.
        accuracy: accuracy of the cross-validated model, 0-1; the lower it is, the less a suspect means.
        suspects: training images that are likely mislabelled.
        duplicates: test images with a near-duplicate among the training images.
    """

    images: int
    accuracy: float
    suspects: list[Suspect]
    duplicates: list[NearDuplicate]

    def document(self) -> dict[str, Any]:
        """The audit as JSON takes it, classes by name."""
        per_class = Counter(suspect.label for suspect in self.suspects)
        pairs = self.duplicates
        return {
            "images": self.images,
            "cross_validated_accuracy": self.accuracy,
            "likely_mislabelled": {
                "count": len(self.suspects),
                "per_class": {name: per_class[number] for number, name in enumerate(CLASSES)},
                "images": [_with_class_names(suspect, "label", "suggested") for suspect in self.suspects],
            },
            "near_duplicates": {
                "count": len(pairs),
                "exact": sum(pair.exact for pair in pairs),
                "differently_labelled": sum(pair.train_label != pair.test_label for pair in pairs),
                "pairs": [_with_class_names(pair, "train_label", "test_label") for pair in pairs],
            },
        }


def audit(train: Dataset, test: Dataset, say: Say) -> Audit:
    """Audit the labels of the training images, and look for test images that are in the training data.

    Raises:
        DataError: there are too few training images.
    """
    say(f"cross-validating {len(train)} images")
    probabilities = out_of_fold_probabilities(train)
    accuracy = float((probabilities.argmax(axis=1) == train.labels).mean())
    say(f"comparing {len(test)} test images with them")
    return Audit(
        len(train), accuracy, likely_mislabelled(probabilities, train.labels), near_duplicates(train, test)
    )


def out_of_fold_probabilities(dataset: Dataset, seed: int = 0) -> NDArray[np.float32]:
    """Class probabilities, [n, 10], for each image by a model that was fitted without it.

    Ridge regression on one-hot labels, on random Fourier features of a Gaussian kernel: least squares
    estimates the probability of a class. The features do not depend on the data, so all folds share them;
    their products are summed by fold, since the features of all images together would take 0.6 GB.

    Raises:
        DataError: there are fewer images than folds.
    """
    if len(dataset) < _FOLDS:
        raise DataError(f"{len(dataset)} images are too few to audit, expected at least {_FOLDS}")
    from scipy.linalg import solve  # type: ignore[import-untyped, unused-ignore]
    from sklearn.kernel_approximation import RBFSampler  # type: ignore[import-untyped, unused-ignore]
    from sklearn.model_selection import KFold  # type: ignore[import-untyped, unused-ignore]

    pixels = dataset.images.reshape(len(dataset), -1)
    targets = np.eye(len(CLASSES), dtype=np.float32)[dataset.labels]
    count = min(_MAX_FEATURES, max(1, len(dataset) // _IMAGES_PER_FEATURE))
    sampler = RBFSampler(gamma=_GAMMA, n_components=count, random_state=seed)
    sampler.fit(np.zeros((1, pixels.shape[1]), np.float32))

    def features(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = sampler.transform(pixels[rows].astype(np.float32) / 255)
        return found

    folds = [rows for _, rows in KFold(_FOLDS, shuffle=True, random_state=seed).split(pixels)]
    products = [(x.T @ x, x.T @ targets[rows]) for rows in folds for x in [features(rows)]]
    gram, moment = (sum(parts) for parts in zip(*products, strict=True))
    # Each image's features have about length 1.
    gram = gram + np.eye(count, dtype=np.float32) * (2 / count)
    scores = np.empty_like(targets)
    for rows, (own_gram, own_moment) in zip(folds, products, strict=True):
        scores[rows] = features(rows) @ solve(gram - own_gram, moment - own_moment, assume_a="pos")
    positive = np.maximum(scores, 1e-6)
    probabilities: NDArray[np.float32] = positive / positive.sum(axis=1, keepdims=True)
    return probabilities


def likely_mislabelled(probabilities: Probabilities, labels: Labels) -> list[Suspect]:
    """The suspects by confident learning (Northcutt, Jiang and Chuang, 2021), the surest first.

    Args:
        probabilities: [n, 10], by models that did not see the image.
        labels: uint8 [n], 0-9.
    """
    from cleanlab.filter import find_label_issues  # type: ignore[import-untyped, unused-ignore]

    indices = find_label_issues(
        labels.astype(np.int64),
        probabilities,
        filter_by="confident_learning",
        return_indices_ranked_by="normalized_margin",
        n_jobs=1,
    )
    return [
        Suspect(
            index=int(index),
            label=int(labels[index]),
            suggested=int(suggested),
            label_probability=float(probabilities[index, labels[index]]),
            suggested_probability=float(probabilities[index, suggested]),
        )
        for index in indices
        for suggested in [probabilities[index].argmax()]
    ]


def write_report(folder: Path, result: Audit, train: Dataset, test: Dataset) -> None:
    """Write the document and the pictures of the surest findings into ``folder``, which may hold others."""
    write_atomically(folder / MISLABELLED_FILE, _suspects_sheet(result.suspects[:_SUSPECTS_SHOWN], train))
    duplicates = result.duplicates[:_DUPLICATES_SHOWN]
    write_atomically(folder / DUPLICATES_FILE, _duplicates_sheet(duplicates, train, test))
    write_atomically(folder / REPORT_FILE, json.dumps(result.document(), indent=2) + "\n")


def _with_class_names(item: Suspect | NearDuplicate, *fields: str) -> dict[str, Any]:
    values = asdict(item)
    return values | {field: CLASSES[values[field]] for field in fields}


def _suspects_sheet(suspects: list[Suspect], train: Dataset) -> bytes:
    captions = [
        f"{CLASSES[item.label]} {item.label_probability:.0%}\n"
        f"or {CLASSES[item.suggested]} {item.suggested_probability:.0%}\n#{item.index}"
        for item in suspects
    ]
    return contact_sheet(train.images[[item.index for item in suspects]], captions, _COLUMNS)


def _duplicates_sheet(pairs: list[NearDuplicate], train: Dataset, test: Dataset) -> bytes:
    """Pairs side by side: the training image, then the test image."""
    rows = [(train.images[pair.train], test.images[pair.test]) for pair in pairs]
    images = np.array(rows, np.uint8).reshape(-1, *train.images.shape[1:])
    captions = [
        caption
        for pair in pairs
        for caption in (
            f"train {CLASSES[pair.train_label]}\n#{pair.train}",
            f"test {CLASSES[pair.test_label]}\n#{pair.test}, {pair.difference:.3f}",
        )
    ]
    return contact_sheet(images, captions, _COLUMNS)
