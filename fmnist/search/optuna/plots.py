"""Figures of a search as PNG bytes, drawn by Optuna."""

import io
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import matplotlib
import optuna
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from optuna.visualization.matplotlib import plot_intermediate_values, plot_parallel_coordinate

from fmnist.experiments import Experiment
from fmnist.search.optuna.space import distributions, recorded
from fmnist.search.trial import Trial, metric_of

_DPI = 120
_HEIGHT = 5.0
_WIDTH = 9.0
_WIDTH_PER_AXIS = 1.6


def learning_curves(experiment: Experiment, trials: Sequence[Trial], title: str) -> bytes:
    """PNG of the validation accuracy by epoch, a line per trial; dotted lines are the rungs."""
    rungs = sorted({epochs for trial in trials for epochs in trial.rungs[:-1]})

    def draw(study: optuna.Study) -> Axes:
        axes = plot_intermediate_values(study)
        for rung in rungs:
            axes.axvline(rung, color="black", linestyle=":", linewidth=0.8)
            axes.annotate(f" rung {rung}", (rung, 0.01), xycoords=("data", "axes fraction"), fontsize=8)
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation accuracy")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return axes

    return _png(draw, _study(experiment, trials), title, _WIDTH)


def parallel_coordinates(experiment: Experiment, trials: Sequence[Trial], title: str) -> bytes:
    """PNG with an axis for the accuracy and one per varying hyperparameter, a line per trial."""
    names = ["accuracy", *sorted(distributions(experiment))]

    def draw(study: optuna.Study) -> Axes:
        axes = plot_parallel_coordinate(study, target_name="accuracy")
        if study.trials:
            # Optuna shortens long names.
            axes.set_xticks(range(len(names)), names, horizontalalignment="left")
        return axes

    study = _study(experiment, [trial for trial in trials if metric_of(trial) > -math.inf])
    return _png(draw, study, title, max(_WIDTH, _WIDTH_PER_AXIS * (len(names) + 1)))


def value_at(tree: Mapping[str, Any], name: str) -> Any:
    """The value of a hyperparameter by its dotted name."""
    return reduce(lambda value, key: value[key], name.split("."), tree)


def _study(experiment: Experiment, trials: Sequence[Trial]) -> optuna.Study:
    """The trials as a study in memory, all of them complete.

    Optuna leaves pruned trials out of parallel coordinates, but most trials of an adaptive search are pruned.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = distributions(experiment)
    study = optuna.create_study(direction="maximize")
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                params={name: recorded(value_at(trial.hyperparameters, name)) for name in space},
                distributions=space,
                value=trial.metric if metric_of(trial) > -math.inf else 0.0,
                intermediate_values=dict(enumerate(trial.curve, start=1)),
            )
        )
    return study


def _png(draw: Callable[[optuna.Study], Axes], study: optuna.Study, title: str, width: float) -> bytes:
    from matplotlib import pyplot

    with matplotlib.rc_context({"backend": "agg"}), warnings.catch_warnings():
        # Optuna calls these functions experimental, and its style sheet warns on some versions.
        warnings.simplefilter("ignore")
        axes = draw(study)
        axes.set_title(title, loc="left", fontsize=11, pad=20)
        axes.set_title("")
        figure = axes.get_figure(root=True)
        assert figure
        figure.set_size_inches(width, _HEIGHT)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DPI, bbox_inches="tight")
        pyplot.close(figure)
    return stream.getvalue()
