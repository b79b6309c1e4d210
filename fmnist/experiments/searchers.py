"""The searchers that an experiment file may name."""

from typing import Annotated, Any, Literal

from pydantic import Field

from fmnist.experiments.section import Number, Section, Whole

Concurrent = Annotated[Whole, Field(ge=0)]
"""Trials at once at most; 0 leaves it to the searcher."""


class _Searcher(Section):
    """``max_length`` is what ``max_time`` was called before; the master ignores it, and so do we."""

    metric: Literal["accuracy"]
    smaller_is_better: Literal[False]
    max_length: Any = None


class Single(_Searcher):
    """One trial."""

    name: Literal["single"]


class Random(_Searcher):
    """``max_trials`` trials, each to its end."""

    name: Literal["random"]
    max_trials: Whole = Field(ge=1)
    max_concurrent_trials: Concurrent = 16


class Grid(_Searcher):
    """A trial for each combination of values, each to its end."""

    name: Literal["grid"]
    max_concurrent_trials: Concurrent = 16


class AdaptiveAsha(_Searcher):
    """Asynchronous successive halving, stopping variant (Li et al., arXiv 1810.05934).

    ``max_time`` is in epochs; every ``divisor``-th trial goes on from one rung to the next. A
    bracket for each number of rungs in ``bracket_rungs``; if there are none, ``mode`` says how many.
    """

    name: Literal["adaptive_asha"]
    time_metric: Literal["epochs"]
    max_time: Whole = Field(ge=1)
    max_trials: Whole = Field(ge=1)
    max_concurrent_trials: Concurrent = 16
    divisor: Number = Field(default=4, gt=1)
    max_rungs: Whole = Field(default=5, ge=1)
    mode: Literal["aggressive", "standard", "conservative"] = "standard"
    bracket_rungs: tuple[Annotated[Whole, Field(ge=1)], ...] = ()
    stop_once: Any = None


Searcher = Annotated[Single | Random | Grid | AdaptiveAsha, Field(discriminator="name")]
