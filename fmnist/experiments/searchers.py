"""Searchers of an experiment file."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StrictFloat, StrictInt

from fmnist.files.documents import DocumentWithNulls, chosen_by

Concurrent = Annotated[StrictInt, Field(ge=0)]
"""Maximum number of concurrent trials; 0 leaves it to the searcher."""


METRIC: Final = "accuracy"
TIME_METRIC: Final = "epochs"
SINGLE: Mapping[str, Any] = {"name": "single", "metric": METRIC, "smaller_is_better": False}
"""The ``searcher`` of a file that describes one training."""


class _Searcher(DocumentWithNulls):
    """``max_length`` is the former name of ``max_time``; like the master, we ignore it."""

    metric: Literal["accuracy"] = Field(description="write accuracy, the validation accuracy")
    smaller_is_better: Literal[False] = Field(
        description="write false, or Determined takes the smallest accuracy for the best"
    )
    max_length: Any = None


class Single(_Searcher):
    """One trial."""

    name: Literal["single"]


class Random(_Searcher):
    """``max_trials`` trials, each to its end."""

    name: Literal["random"]
    max_trials: StrictInt = Field(ge=1)
    max_concurrent_trials: Concurrent = 16


class Grid(_Searcher):
    """A trial for each combination of values, each to its end."""

    name: Literal["grid"]
    max_concurrent_trials: Concurrent = 16


_TIMES = "adaptive_asha needs max_time and time_metric"


class AdaptiveAsha(_Searcher):
    """Asynchronous successive halving, stopping variant (Li et al., arXiv 1810.05934).

    ``max_time`` is in epochs; one trial in ``divisor`` is promoted from one rung to the next. There is a
    bracket for each number of rungs in ``bracket_rungs``; if it is empty, ``mode`` decides how many.
    """

    name: Literal["adaptive_asha"]
    time_metric: Literal["epochs"] = Field(description=f"{_TIMES}: write time_metric: epochs")
    max_time: StrictInt = Field(ge=1, description=f"{_TIMES}: max_time is the epochs of a trial")
    max_trials: StrictInt = Field(ge=1)
    max_concurrent_trials: Concurrent = 16
    divisor: StrictFloat = Field(default=4, gt=1)
    max_rungs: StrictInt = Field(default=5, ge=1)
    mode: Literal["aggressive", "standard", "conservative"] = "standard"
    bracket_rungs: tuple[Annotated[StrictInt, Field(ge=1)], ...] = ()
    stop_once: Any = None


Searcher = Annotated[
    Single | Random | Grid | AdaptiveAsha, chosen_by("name", Single, Random, Grid, AdaptiveAsha)
]
