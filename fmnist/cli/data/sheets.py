"""The pictures of ``fmnist data show``."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES
from fmnist.data.contact_sheet import contact_sheet
from fmnist.experiments import load_experiment
from fmnist.experiments.hyperparameters import Augmentation, Hyperparameters
from fmnist.training.augmentation import VARIATIONS, augment

_COLUMNS = 10


def some_images(dataset: Dataset, seed: int) -> bytes:
    """A PNG with a row for each class: up to ten of its images, chosen by ``seed``."""
    chosen = np.concatenate([_of_class(dataset, number, _COLUMNS, seed) for number in range(len(CLASSES))])
    captions = [f"{CLASSES[dataset.labels[index]]}\n#{index}" for index in chosen]
    return contact_sheet(dataset.images[chosen], captions, _COLUMNS)


def augmented_images(dataset: Dataset, experiment: Path, seed: int) -> bytes:
    """A PNG with a row for each class: one of its images, each variation of it alone, then the experiment's.

    Raises:
        ConfigError: the experiment file is wrong, or searches.
    """
    configured = Hyperparameters.read(load_experiment(experiment).constants()).augmentation
    alone = {name: Augmentation.model_validate({name: 1}) for name in VARIATIONS}
    chosen = np.concatenate([_of_class(dataset, number, 1, seed) for number in range(len(CLASSES))])
    images = dataset.images[chosen]
    random = np.random.default_rng(seed)
    columns = {
        name: augment(images, options, random)
        for name, options in (alone | {experiment.name: configured}).items()
    }
    cells = np.stack([images, *columns.values()], axis=1).reshape(-1, *images.shape[1:])
    captions = [
        text for index in chosen for text in (f"{CLASSES[dataset.labels[index]]}\n#{index}", *columns)
    ]
    return contact_sheet(cells, captions, 1 + len(columns))


def _of_class(dataset: Dataset, number: int, count: int, seed: int) -> NDArray[np.int64]:
    members = np.flatnonzero(dataset.labels == number)
    random = np.random.default_rng((seed, number))
    return np.sort(random.permutation(members)[:count])
