"""Pictures of a search, as PNG bytes."""

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist.experiments import Categorical, Const, Experiment, Log, Range
from fmnist.search.trial import Trial, TrialState, best_of, metric_of, ranked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_HEIGHT = 5.0
_BEST = "#c0392b"
_COLORS = {TrialState.COMPLETED: "#2471a3", TrialState.RUNNING: "#27ae60"}
_OTHERS = "#a6acaf"
_LABEL = 24


def learning_curves(trials: Sequence[Trial], title: str) -> bytes:
    """A PNG of the validation accuracy by epoch, a line per trial; the best and the rungs stand out."""
    from matplotlib.ticker import MaxNLocator

    figure = _figure(9.0)
    axes = figure.add_subplot()
    best = best_of(trials)
    for trial in sorted(trials, key=metric_of):
        if trial.curve:
            _draw_curve(axes, trial, best is not None and trial.id == best.id)
    for rung in sorted({epochs for trial in trials for epochs in trial.rungs[:-1]}):
        axes.axvline(rung, color="black", linestyle=":", linewidth=0.8)
        axes.annotate(f" rung {rung}", (rung, 0.01), xycoords=("data", "axes fraction"), fontsize=8)
    for state, color in (*_COLORS.items(), (TrialState.STOPPED, _OTHERS)):
        if any(trial.state is state and trial.curve for trial in trials):
            axes.plot([], [], color=color, label=state.value)
    axes.set_title(title, loc="left")
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation accuracy")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right")
    return _png(figure)


def parallel_coordinates(experiment: Experiment, trials: Sequence[Trial], title: str) -> bytes:
    """A PNG with an axis for each hyperparameter that varies and one for the accuracy, a line per trial.

    Colours go by rank, yellow for the best; the best trial's line is thick.
    """
    from matplotlib import colormaps

    shown = list(reversed([trial for trial in ranked(trials) if metric_of(trial) > -math.inf]))
    varied = {n: s for n, s in experiment.hyperparameters.items() if not isinstance(s, Const)}
    scales = [_scale_of(name, spec) for name, spec in varied.items()]
    scales.append(_accuracy_scale([metric_of(trial) for trial in shown]))
    figure = _figure(1.8 * max(len(scales), 4))
    axes = figure.add_subplot()
    for number, trial in enumerate(shown):
        values = [*(value_at(trial.hyperparameters, name) for name in varied), trial.metric]
        heights = [scale.height(value) for scale, value in zip(scales, values, strict=True)]
        last = number == len(shown) - 1
        color = colormaps["viridis"](number / max(len(shown) - 1, 1))
        axes.plot(heights, color=color, linewidth=3.5 if last else 1.3, alpha=1 if last else 0.75, zorder=2)
    for position, scale in enumerate(scales):
        _draw_axis(axes, position, scale)
    axes.set_title(title, loc="left", pad=14)
    axes.set_xlim(-0.3, len(scales) - 0.4)
    axes.set_ylim(-0.05, 1.05)
    axes.set_xticks(range(len(scales)), [_wrapped(scale.name) for scale in scales], fontsize=9)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=12)
    return _png(figure)


def value_at(tree: Mapping[str, Any], name: str) -> Any:
    """The value of a hyperparameter by its dotted name."""
    value: Any = tree
    for key in name.split("."):
        value = value[key]
    return value


@dataclass(frozen=True)
class _Scale:
    """An axis from 0 to 1. ``categories`` are values side by side; else numbers, by exponent if ``log``."""

    name: str
    low: float = 0
    high: float = 1
    log: bool = False
    categories: tuple[str, ...] = ()

    def height(self, value: Any) -> float:
        if self.categories:
            return (self.categories.index(_text(value)) + 0.5) / len(self.categories)
        low, high, at = (math.log(x) if self.log else x for x in (self.low, self.high, value))
        return float((at - low) / (high - low)) if high > low else 0.5

    def ticks(self) -> list[tuple[float, str]]:
        if self.categories:
            return [((n + 0.5) / len(self.categories), text) for n, text in enumerate(self.categories)]
        shares = (0, 0.25, 0.5, 0.75, 1)
        return [(share, f"{self._value(share):.3g}") for share in shares]

    def _value(self, share: float) -> float:
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)


def _scale_of(name: str, spec: Range | Categorical) -> _Scale:
    if isinstance(spec, Categorical):
        return _Scale(name, categories=tuple(dict.fromkeys(_text(value) for value in spec.vals)))
    if isinstance(spec, Log):
        low, high = sorted((spec.base**spec.minval, spec.base**spec.maxval))
        return _Scale(name, low, high, log=True)
    return _Scale(name, spec.minval, spec.maxval)


def _accuracy_scale(metrics: Sequence[float]) -> _Scale:
    return _Scale("accuracy", min(metrics, default=0.0), max(metrics, default=1.0))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"


def _wrapped(name: str) -> str:
    """A dotted name on several lines, so that neighbours do not meet."""
    return name.replace(".", ".\n")


def _draw_curve(axes: "Axes", trial: Trial, best: bool) -> None:
    epochs = range(1, len(trial.curve) + 1)
    color = _BEST if best else _COLORS.get(trial.state, _OTHERS)
    marker = "o" if len(trial.curve) == 1 else None
    label = f"best: trial {trial.id}, {trial.metric:.4f}" if best else None
    axes.plot(epochs, trial.curve, color=color, linewidth=2.6 if best else 1.1, marker=marker, label=label)


def _draw_axis(axes: "Axes", position: int, scale: _Scale) -> None:
    axes.axvline(position, color="black", linewidth=1, ymin=0.045, ymax=0.955, zorder=1)
    for height, text in scale.ticks():
        axes.annotate(
            text,
            (position, height),
            (-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
            zorder=3,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8},
        )


def _figure(width: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, _HEIGHT), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: "Figure") -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
