"""The pictures of ``fmnist data show``."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist.data.dataset import Dataset
from fmnist.data.sheet import contact_sheet
from fmnist.fashion_mnist import CLASSES
from fmnist.training.augmentation import augment
from fmnist.training.experiment import load_experiment
from fmnist.training.hyperparameters import Hyperparameters

_COLUMNS = 10


def some_images(dataset: Dataset, seed: int) -> bytes:
    """A PNG with a row for each class: up to ten of its images, chosen by ``seed``."""
    chosen = np.concatenate([_of_class(dataset, number, _COLUMNS, seed) for number in range(len(CLASSES))])
    captions = [f"{CLASSES[dataset.labels[index]]}\n#{index}" for index in chosen]
    return contact_sheet(dataset.images[chosen], captions, _COLUMNS)


def augmented_images(dataset: Dataset, experiment: Path, seed: int) -> bytes:
    """A PNG with a row for each class: one of its images, then what training makes of it.

    Raises:
        ConfigError: the experiment file is wrong, or searches.
    """
    hyperparameters = Hyperparameters.read(load_experiment(experiment).constants())
    chosen = np.concatenate([_of_class(dataset, number, 1, seed) for number in range(len(CLASSES))])
    images = np.repeat(dataset.images[chosen], _COLUMNS, axis=0)
    varied = augment(images, hyperparameters.flip, hyperparameters.shift, np.random.default_rng(seed))
    varied[::_COLUMNS] = dataset.images[chosen]
    captions = [
        text
        for index in chosen
        for text in (f"{CLASSES[dataset.labels[index]]}\n#{index}", *[""] * (_COLUMNS - 1))
    ]
    return contact_sheet(varied, captions, _COLUMNS)


def _of_class(dataset: Dataset, number: int, count: int, seed: int) -> NDArray[np.int64]:
    members = np.flatnonzero(dataset.labels == number)
    random = np.random.default_rng((seed, number))
    return np.sort(random.permutation(members)[:count])
