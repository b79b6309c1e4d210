"""Hyperparameters of a training, typed; their values are in const.yaml and adaptive.yaml only.

A section's ``name`` selects; fields of another selection are accepted and ignored, so that a search can
vary the name. Optional fields are off by default unless they say otherwise.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from fmnist.errors import ConfigError
from fmnist.files.documents import Document, validation_errors

Probability = Annotated[float, Field(ge=0, le=1)]


class Optimizer(Document):
    """The optimizer.

    Attributes:
        learning_rate: highest of the schedule.
        weight_decay: decoupled, of weights only (AdamW: Loshchilov and Hutter, arXiv 1711.05101); ignored by
            adam.
        momentum: Nesterov's, of sgd only.
    """

    name: Literal["sgd", "adam", "adamw"]
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(default=0, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)


class Schedule(Document):
    """The learning rate over the steps of a training.

    Attributes:
        warm_up: share of the steps in which ``cosine`` rises from a tenth.
        final: share of the highest rate at the end of ``cosine``.
        milestones: ascending shares of the steps at which ``multi_step`` is multiplied by ``gamma``.
    """

    name: Literal["cosine", "multi_step"]
    warm_up: float = Field(default=0, ge=0, lt=1)
    final: Probability = 0
    milestones: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(default=(), validate_default=True)
    gamma: float = Field(default=0.1, gt=0, lt=1)

    @field_validator("milestones")
    @classmethod
    def _steps_are_in_order(cls, milestones: tuple[float, ...], others: ValidationInfo) -> tuple[float, ...]:
        if list(milestones) != sorted(set(milestones)):
            raise ValueError(f"{list(milestones)} are not ascending")
        if others.data.get("name") == "multi_step" and not milestones:
            raise ValueError("multi_step needs at least one, such as [0.5, 0.75]")
        return milestones


class Loss(Document):
    """The loss; ``gamma`` is that of the focal loss (Lin et al., arXiv 1708.02002), 0 is cross-entropy."""

    name: Literal["cross_entropy", "focal"]
    label_smoothing: float = Field(default=0, ge=0, lt=1)
    gamma: float = Field(default=2, ge=0)


class Augmentation(Document):
    """The probability of each random variation of a training image, in the order of application."""

    flip: Probability = 0
    vertical_flip: Probability = 0
    rotate: Probability = 0
    crop: Probability = 0
    shift: Probability = 0
    brightness: Probability = 0
    contrast: Probability = 0
    posterize: Probability = 0
    blur: Probability = 0
    erase: Probability = 0


class Hyperparameters(Document):
    """One point of the search space.

    Attributes:
        width: channels of the first convolution; ignored by the baseline, as is ``dropout``.
        val_size: share of the training images held out for validation; 0 trains a final model on all of them,
            without validation metrics.
        class_weights: ``balanced`` weighs each image's loss by the inverse of its class's share.
    """

    network: Literal["baseline", "modern", "residual"]
    width: int = Field(ge=4)
    dropout: float = Field(ge=0, lt=1)
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    val_size: float = Field(ge=0, le=0.5)
    optimizer: Optimizer
    schedule: Schedule
    loss: Loss
    augmentation: Augmentation = Augmentation()
    class_weights: Literal["none", "balanced"] = "none"

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Hyperparameters":
        """Read a nested mapping.

        Raises:
            ConfigError: fields are missing, unknown or out of range; names each, dotted.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = (f"hyperparameters.{line}" for line in validation_errors(error))
            raise ConfigError("\n".join(problems)) from error
