"""Determined experiment files: the very files that ``det experiment create`` takes.

Keys and types follow Determined 0.38.1's experiment schema (expconf v0). What this project needs beyond
it is checked for both engines, so that a file that loads here runs there.
"""

from fmnist.experiments.load import load_experiment, read_configuration
from fmnist.experiments.model import Experiment
from fmnist.experiments.ranges import (
    Categorical,
    Const,
    Double,
    Hyperparameter,
    Int,
    Log,
    Range,
    flat,
    nested,
)
from fmnist.experiments.searchers import (
    METRIC,
    SINGLE,
    TIME_METRIC,
    AdaptiveAsha,
    Grid,
    Random,
    Searcher,
    Single,
)

__all__ = [
    "METRIC",
    "SINGLE",
    "TIME_METRIC",
    "AdaptiveAsha",
    "Categorical",
    "Const",
    "Double",
    "Experiment",
    "Grid",
    "Hyperparameter",
    "Int",
    "Log",
    "Random",
    "Range",
    "Searcher",
    "Single",
    "flat",
    "load_experiment",
    "nested",
    "read_configuration",
]
