"""The networks: a baseline, a small quick one, and one for long trainings.

All take uint8 pixels, 0-255, shape [n, 28, 28], named ``image``; scaling is their first layer.
All give float32 probabilities of shape [n, 10], named ``probabilities``.
"""

from typing import Any

from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.training.backend import keras

INPUT = "image"
OUTPUT = "probabilities"

layers = keras.layers


def build(hyperparameters: Hyperparameters, seed: int) -> Any:
    """A ``keras.Model`` with fresh weights, the same for the same seed.

    Keras's global random state is reset to ``seed``.
    """
    keras.utils.set_random_seed(seed)
    image = keras.Input(IMAGE_SHAPE, dtype="uint8", name=INPUT)
    scaled = layers.Reshape((*IMAGE_SHAPE, 1))(layers.Rescaling(1 / 255)(image))
    match hyperparameters.network:
        case "baseline":
            features = _baseline(scaled)
        case "modern":
            features = _modern(scaled, hyperparameters.width, hyperparameters.dropout)
        case "residual":
            features = _residual(scaled, hyperparameters.width, hyperparameters.dropout)
    probabilities = layers.Dense(len(CLASSES), activation="softmax", name=OUTPUT)(features)
    return keras.Model(image, probabilities, name=hyperparameters.network)


def _baseline(x: Any) -> Any:
    """Convolutions of 32, 64 and 128 channels, batch normalisation and much dropout."""
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.25)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.25)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(128, 3, activation="relu")(x)
    x = layers.Dropout(0.4)(x)
    x = layers.Flatten()(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dense(128, activation="relu")(x)
    return layers.Dropout(0.3)(x)


def _modern(x: Any, width: int, dropout: float) -> Any:
    """Halve the feature maps first: the baseline spends most time in large ones, for little accuracy."""
    x = _convolution(x, width, size=5, stride=2)
    x = _convolution(x, 3 * width // 2)
    x = layers.MaxPooling2D()(x)
    x = _convolution(x, 3 * width)
    x = layers.MaxPooling2D()(x)
    x = _convolution(x, 4 * width)
    x = layers.Flatten()(x)
    return layers.Dropout(dropout)(x)


def _residual(x: Any, width: int, dropout: float) -> Any:
    """Six convolutions at full, half and quarter size, two pairs of them residual.

    After the nine-layer ResNet of David Page's "How to train your ResNet" (2018), a layer shorter.
    """
    x = _convolution(x, width)
    x = _convolution(x, 2 * width, pool=True)
    x = layers.Add()([x, _convolution(_convolution(x, 2 * width), 2 * width)])
    x = _convolution(x, 4 * width, pool=True)
    x = layers.Add()([x, _convolution(_convolution(x, 4 * width), 4 * width)])
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dropout(dropout)(x)


def _convolution(x: Any, channels: int, size: int = 3, stride: int = 1, pool: bool = False) -> Any:
    x = layers.Conv2D(channels, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal")(
        x
    )
    if pool:
        # Before normalisation, which then has a quarter to do.
        x = layers.MaxPooling2D()(x)
    # Keras's momentum of 0.99 lags behind for the first epochs of a short training.
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(x)
