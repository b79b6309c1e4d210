"""Network and optimizer during a training: one call per epoch, each reproducible by itself."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Dataset, Images, Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.errors import ConfigError, Diverged
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.training.augmentation import augment
from fmnist.training.backend import keras
from fmnist.training.distributed import Collective, collective_errors
from fmnist.training.job import SINGLE_WORKER
from fmnist.training.network import build
from fmnist.training.optim import balanced_weights, loss, optimizer
from fmnist.training.resume import Arrays

_PREDICT_BATCH = 500
_SAMPLES = 40

OnStep = Callable[[int, int], None]
"""Called with the number of steps done in this epoch and the number of steps that it has."""


@dataclass(frozen=True)
class EpochResult:
    """Metrics of one epoch on the augmented training images.

    Attributes:
        loss: mean of the loss that is minimised.
        accuracy: 0-1.
        learning_rate: at the end of the epoch.
        images_per_second: of augmentation and training together.
        steps: optimizer steps since the start of the training.
        samples: the first augmented images, in the first epoch only.
    """

    loss: float
    accuracy: float
    learning_rate: float
    images_per_second: float
    steps: int
    samples: Dataset | None


class Trainer:
    """``model`` and its optimizer.

    Everything random in an epoch (order, augmentation, dropout) is a function of the seed and the
    epoch's number alone, so that the history of the process does not matter. Several processes
    share a batch of the same size; only dropout and batch normalisation see a shard of it.
    """

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        seed: int,
        images: int,
        epochs: int,
        collective: Collective | None = None,
    ) -> None:
        """Build the model and its optimizer.

        Args:
            hyperparameters: network, optimizer, loss, schedule, augmentation and batch size.
            seed: decides all random numbers.
            images: number of training images, at least 1.
            epochs: number of epochs that the learning-rate schedule spans.
            collective: the processes that share each batch; this one alone if None.

        Raises:
            ConfigError: a batch cannot be shared equally by the processes of ``collective``.
        """
        self._collective = collective or Collective(SINGLE_WORKER)
        self._hyperparameters = hyperparameters
        self._seed = seed
        self._batch = min(hyperparameters.batch_size, images)
        self._steps = images // self._batch
        self._shard = self._collective.shard(self._steps, self._batch)
        self.model = build(hyperparameters, seed)
        self.model.compile(
            optimizer=self._collective.average_gradients(optimizer(hyperparameters, self._steps * epochs)),
            loss=loss(hyperparameters.loss),
            metrics=["accuracy"],
            jit_compile=False,
        )

    def load_weights(self, file: Path) -> None:
        """Load the weights of a ``.keras`` file.

        Raises:
            ConfigError: its network is not this one.
        """
        weights = keras.models.load_model(file, compile=False).get_weights()
        shapes = [value.shape for value in self.model.get_weights()]
        if [value.shape for value in weights] != shapes:
            raise ConfigError(
                f"{file}: holds another network than {self._hyperparameters.network} with width "
                f"{self._hyperparameters.width}; use the hyperparameters that it was trained with"
            )
        self.model.set_weights(weights)

    def variables(self) -> tuple[Arrays, Arrays]:
        """The model's weights and the optimizer's variables: all that the next epoch depends on."""
        variables = self._built_optimizer().variables
        return tuple(self.model.get_weights()), tuple(value.numpy() for value in variables)

    def restore(self, weights: Arrays, optimizer: Arrays) -> None:
        """Restore the result of ``variables``, for equal hyperparameters, images and epochs."""
        self.model.set_weights(weights)
        for variable, value in zip(self._built_optimizer().variables, optimizer, strict=True):
            variable.assign(value)

    def run_epoch(self, number: int, dataset: Dataset, on_step: OnStep) -> EpochResult:
        """Train once on every image, except for a last incomplete batch; ``number`` counts from 1.

        Raises:
            Diverged: the loss is not finite; names epoch and step.
            UnavailableError: another process of the group is gone or stuck.
        """
        with collective_errors():
            return self._run_epoch(number, dataset, on_step)

    def _run_epoch(self, number: int, dataset: Dataset, on_step: OnStep) -> EpochResult:
        start = time.perf_counter()
        random = np.random.default_rng((self._seed, number))
        order = random.permutation(len(dataset))[: self._steps * self._batch]
        images = augment(dataset.images[order], self._hyperparameters.augmentation, random)
        labels = dataset.labels[order]
        first = not int(self.model.optimizer.iterations)
        weights = self._weights(labels)
        self._reseed(number)
        history = self.model.fit(
            images[self._shard],
            _one_hot(labels[self._shard]),
            sample_weight=weights if weights is None else weights[self._shard],
            batch_size=self._batch // self._collective.size,
            shuffle=False,
            verbose=0,
            callbacks=[_DivergenceGuard(number, self._steps, on_step)],
        ).history
        loss, accuracy = self._collective.mean([history["loss"][0], history["accuracy"][0]])
        self._average_batch_statistics()
        return EpochResult(
            loss=float(loss),
            accuracy=float(accuracy),
            learning_rate=float(self.model.optimizer.learning_rate),
            images_per_second=len(order) / (time.perf_counter() - start),
            steps=int(self.model.optimizer.iterations),
            samples=Dataset(images[:_SAMPLES], labels[:_SAMPLES]) if first else None,
        )

    def predict(self, images: Images) -> NDArray[np.float32]:
        """Probabilities, float32 [n, 10]; ``images`` may be empty."""
        if not len(images):
            return np.empty((0, len(CLASSES)), np.float32)
        probabilities: NDArray[np.float32] = self.model.predict(images, batch_size=_PREDICT_BATCH, verbose=0)
        return probabilities

    def _weights(self, labels: Labels) -> NDArray[np.float32] | None:
        return balanced_weights(labels) if self._hyperparameters.class_weights == "balanced" else None

    def _built_optimizer(self) -> Any:
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        return optimizer

    def _average_batch_statistics(self) -> None:
        """Average batch normalisation's moving statistics, which differ between processes until now."""
        statistics = [value for value in self.model.non_trainable_variables if value.dtype == "float32"]
        for variable, value in zip(statistics, self._collective.mean(statistics), strict=True):
            variable.assign(value)

    def _reseed(self, epoch: int) -> None:
        """Reset dropout's random state, which checkpoints do not hold, at the start of each epoch."""
        for number, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                # Rank 0 changes nothing: SeedSequence fills up with zeros.
                sequence = np.random.SeedSequence((self._seed, number, epoch, self._collective.rank))
                generator.state.assign(sequence.generate_state(2))


def _one_hot(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.eye(len(CLASSES), dtype=np.float32)[labels]


class _DivergenceGuard(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, epoch: int, steps: int, on_step: OnStep) -> None:
        super().__init__()
        self._epoch = epoch
        self._steps = steps
        self._on_step = on_step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # The mean over the epoch so far: once it is not finite, it stays so.
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise Diverged(self._epoch, batch + 1, "loss", loss)
        self._on_step(batch + 1, self._steps)
