"""What a training minimises."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.experiments.hyperparameters import Loss
from fmnist.training.backend import keras


def loss(chosen: Loss) -> Any:
    """A ``keras.losses.Loss`` of one-hot labels and probabilities."""
    if chosen.name == "focal":
        # Keras's alpha weighs all classes alike: no more than another learning rate.
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=chosen.gamma, label_smoothing=chosen.label_smoothing
        )
    return keras.losses.CategoricalCrossentropy(label_smoothing=chosen.label_smoothing)


def balanced_weights(labels: Labels) -> NDArray[np.float32]:
    """A weight for each label, [n]: the inverse of its class's share, 1 on average."""
    counts = np.bincount(labels, minlength=len(CLASSES))
    present = np.count_nonzero(counts)
    weights: NDArray[np.float32] = (len(labels) / (present * counts[labels])).astype(np.float32)
    return weights
