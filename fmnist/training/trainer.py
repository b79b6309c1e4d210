"""A network while it is trained: one call per epoch, each repeatable by itself."""

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
from fmnist.training.distributed import Collective, others_needed
from fmnist.training.losses import balanced_weights, loss
from fmnist.training.network import build
from fmnist.training.optimizers import optimizer
from fmnist.training.resume import Arrays
from fmnist.training.workers import ALONE

_PREDICT_BATCH = 500
_SAMPLES = 40

OnStep = Callable[[int, int], None]
"""Called with the number of steps done in this epoch and the number of steps that it has."""


@dataclass(frozen=True)
class EpochResult:
    """Mean loss, as it is minimised, and accuracy (0-1) on the augmented images, and their pace.

    ``samples`` are the first images that the network learnt, as they were varied; of the first epoch
    only. ``steps`` are the optimizer's since the start.
    """

    loss: float
    accuracy: float
    learning_rate: float
    images_per_second: float
    steps: int
    samples: Dataset | None


class Fitting:
    """``model`` and the optimizer that changes it.

    Everything random in an epoch (order, augmentation, dropout) is a function of the seed and the
    epoch's number alone, so that it does not matter what the process did before. With other processes
    a batch is as large as without; only dropout and batch normalisation see a part of it.
    """

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        seed: int,
        images: int,
        epochs: int,
        collective: Collective | None = None,
    ) -> None:
        """Learn ``images`` images in each of ``epochs`` epochs, which is what the schedule spans.

        Raises:
            ConfigError: a batch cannot be shared equally by the processes of ``collective``.
        """
        self._collective = collective or Collective(ALONE)
        self._hyperparameters = hyperparameters
        self._seed = seed
        self._batch = min(hyperparameters.batch_size, images)
        self._steps = images // self._batch
        self._part = self._collective.part(self._steps, self._batch)
        self.model = build(hyperparameters, seed)
        self.model.compile(
            optimizer=self._collective.averaging(optimizer(hyperparameters, self._steps * epochs)),
            loss=loss(hyperparameters.loss),
            metrics=["accuracy"],
            jit_compile=False,
        )

    def start_from(self, file: Path) -> None:
        """Take over the weights of a ``.keras`` file.

        Raises:
            ConfigError: its network is not this one.
        """
        weights = keras.models.load_model(file, compile=False).get_weights()
        own = self.model.get_weights()
        if [value.shape for value in weights] != [value.shape for value in own]:
            raise ConfigError(
                f"{file}: holds another network than {self._hyperparameters.network} with width "
                f"{self._hyperparameters.width}; go on with the hyperparameters that it was trained with"
            )
        self.model.set_weights(weights)

    def variables(self) -> tuple[Arrays, Arrays]:
        """The model's weights and the optimizer's variables: what the next epoch depends on."""
        own = self._built_optimizer().variables
        return tuple(self.model.get_weights()), tuple(value.numpy() for value in own)

    def go_on_from(self, weights: Arrays, optimizer: Arrays) -> None:
        """Take over what ``variables`` gave for equal hyperparameters, images and epochs."""
        self.model.set_weights(weights)
        for variable, value in zip(self._built_optimizer().variables, optimizer, strict=True):
            variable.assign(value)

    def epoch(self, number: int, dataset: Dataset, on_step: OnStep) -> EpochResult:
        """Learn every image once (but for what does not fill a batch); ``number`` counts from 1.

        Raises:
            Diverged: the loss is no finite number; names epoch and step.
            UnavailableError: another process that shares the batches is gone or stuck.
        """
        with others_needed():
            return self._learnt(number, dataset, on_step)

    def _learnt(self, number: int, dataset: Dataset, on_step: OnStep) -> EpochResult:
        start = time.perf_counter()
        random = np.random.default_rng((self._seed, number))
        order = random.permutation(len(dataset))[: self._steps * self._batch]
        images = augment(dataset.images[order], self._hyperparameters.augmentation, random)
        labels = dataset.labels[order]
        first = not int(self.model.optimizer.iterations)
        weights = self._weights(labels)
        self._reseed(number)
        history = self.model.fit(
            images[self._part],
            _one_hot(labels[self._part]),
            sample_weight=weights if weights is None else weights[self._part],
            batch_size=self._batch // self._collective.size,
            shuffle=False,
            verbose=0,
            callbacks=[_Watch(number, self._steps, on_step)],
        ).history
        loss, accuracy = self._collective.mean([history["loss"][0], history["accuracy"][0]])
        self._level()
        return EpochResult(
            loss=float(loss),
            accuracy=float(accuracy),
            learning_rate=float(self.model.optimizer.learning_rate),
            images_per_second=len(order) / (time.perf_counter() - start),
            steps=int(self.model.optimizer.iterations),
            samples=Dataset(images[:_SAMPLES], labels[:_SAMPLES]) if first else None,
        )

    def predict(self, images: Images) -> NDArray[np.float32]:
        """Probabilities, shape [n, 10]; ``images`` may be none."""
        if not len(images):
            return np.empty((0, len(CLASSES)), np.float32)
        probabilities: NDArray[np.float32] = self.model.predict(images, batch_size=_PREDICT_BATCH, verbose=0)
        return probabilities

    def _weights(self, labels: Labels) -> NDArray[np.float32] | None:
        return balanced_weights(labels) if self._hyperparameters.class_weights == "balanced" else None

    def _built_optimizer(self) -> Any:
        own = self.model.optimizer
        if not own.built:
            own.build(self.model.trainable_variables)
        return own

    def _level(self) -> None:
        """Batch normalisation's statistics are each process's own until here."""
        own = [value for value in self.model.non_trainable_variables if value.dtype == "float32"]
        for variable, value in zip(own, self._collective.mean(own), strict=True):
            variable.assign(value)

    def _reseed(self, epoch: int) -> None:
        """Dropout's state is lost in a checkpoint; set anew at each epoch, it need not be kept."""
        for number, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                # Rank 0 changes nothing: SeedSequence fills up with zeros.
                sequence = np.random.SeedSequence((self._seed, number, epoch, self._collective.rank))
                generator.state.assign(sequence.generate_state(2))


def _one_hot(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.eye(len(CLASSES), dtype=np.float32)[labels]


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, epoch: int, steps: int, on_step: OnStep) -> None:
        super().__init__()
        self._epoch = epoch
        self._steps = steps
        self._on_step = on_step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # The mean over the epoch so far: once it is no number, it stays none.
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise Diverged(self._epoch, batch + 1, "loss", loss)
        self._on_step(batch + 1, self._steps)
