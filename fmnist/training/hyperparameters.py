"""What a trial may vary, typed. Their values stand in const.yaml and adaptive.yaml only."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fmnist.errors import ConfigError


class Hyperparameters(BaseModel):
    """One point of the search space.

    ``learning_rate`` is the peak of a warm-up and cosine schedule; ``flip`` is a probability;
    ``shift`` is the most pixels that an image moves by; ``val_size`` is the share of the
    training images held out for validation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: Literal["modern", "baseline"]
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    label_smoothing: float = Field(ge=0, lt=1)
    dropout: float = Field(ge=0, lt=1)
    width: int = Field(ge=4)
    flip: float = Field(ge=0, le=1)
    shift: int = Field(ge=0, le=8)
    val_size: float = Field(gt=0, le=0.5)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Hyperparameters":
        """Raises ConfigError naming each hyperparameter that is missing, unknown or out of range."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ConfigError(f"hyperparameters.{'; hyperparameters.'.join(problems)}") from error
