"""The whole audit, and its report in a folder."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.progress import Say
from fmnist.data.audit.cross_validation import out_of_fold_probabilities
from fmnist.data.audit.duplicates import Twin, near_duplicates
from fmnist.data.audit.mislabelled import Suspect, likely_mislabelled
from fmnist.data.contact_sheet import contact_sheet
from fmnist.files.atomic import write_atomically

REPORT_FILE = "audit.json"
MISLABELLED_FILE = "mislabelled.png"
DUPLICATES_FILE = "near-duplicates.png"

_COLUMNS = 10
_SUSPECTS_SHOWN = 100
_TWINS_SHOWN = 50


@dataclass(frozen=True)
class Audit:
    """What was found, the surest first.

    ``accuracy``, 0-1, is the cross-validated model's: the weaker it is, the less its suspicions say.
    """

    images: int
    accuracy: float
    suspects: list[Suspect]
    twins: list[Twin]

    def document(self) -> dict[str, Any]:
        """The audit as JSON takes it, classes by name."""
        per_class = Counter(suspect.label for suspect in self.suspects)
        return {
            "images": self.images,
            "cross_validated_accuracy": self.accuracy,
            "likely_mislabelled": {
                "count": len(self.suspects),
                "per_class": {name: per_class[number] for number, name in enumerate(CLASSES)},
                "images": [_named(asdict(suspect), "label", "suggested") for suspect in self.suspects],
            },
            "near_duplicates": {
                "count": len(self.twins),
                "exact": sum(twin.exact for twin in self.twins),
                "differently_labelled": sum(twin.train_label != twin.test_label for twin in self.twins),
                "pairs": [_named(asdict(twin), "train_label", "test_label") for twin in self.twins],
            },
        }


def audit(train: Dataset, test: Dataset, say: Say) -> Audit:
    """Audit the training images' labels, and the test images for what the training images give away.

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


def write_report(folder: Path, found: Audit, train: Dataset, test: Dataset) -> None:
    """Write the document and the pictures of the surest finds into ``folder``, which may hold others."""
    write_atomically(folder / MISLABELLED_FILE, _picture_of_suspects(found.suspects[:_SUSPECTS_SHOWN], train))
    write_atomically(folder / DUPLICATES_FILE, _picture_of_twins(found.twins[:_TWINS_SHOWN], train, test))
    write_atomically(folder / REPORT_FILE, json.dumps(found.document(), indent=2) + "\n")


def _named(values: dict[str, Any], *fields: str) -> dict[str, Any]:
    return values | {field: CLASSES[values[field]] for field in fields}


def _picture_of_suspects(suspects: list[Suspect], train: Dataset) -> bytes:
    captions = [
        f"{CLASSES[item.label]} {item.label_probability:.0%}\n"
        f"or {CLASSES[item.suggested]} {item.suggested_probability:.0%}\n#{item.index}"
        for item in suspects
    ]
    return contact_sheet(train.images[[item.index for item in suspects]], captions, _COLUMNS)


def _picture_of_twins(twins: list[Twin], train: Dataset, test: Dataset) -> bytes:
    """Pairs side by side: the training image, then the test image."""
    rows = [(train.images[twin.train], test.images[twin.test]) for twin in twins]
    images = np.array(rows, np.uint8).reshape(-1, *train.images.shape[1:])
    captions = [
        caption
        for twin in twins
        for caption in (
            f"train {CLASSES[twin.train_label]}\n#{twin.train}",
            f"test {CLASSES[twin.test_label]}\n#{twin.test}, {twin.difference:.3f}",
        )
    ]
    return contact_sheet(images, captions, _COLUMNS)
