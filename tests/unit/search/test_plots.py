import io
from pathlib import Path

import pytest
from PIL import Image

from fmnist.experiments import nested
from fmnist.search.optuna.plots import learning_curves, parallel_coordinates
from fmnist.search.trial import Trial, TrialState
from tests.support.experiments import experiment

EXPERIMENT = experiment(
    network={"type": "categorical", "vals": [["a", "list"], {"a": "mapping"}, "modern"]},
    val_size={"type": "double", "minval": 0, "maxval": 1},
)


def trial(number: int, state: TrialState, *curve: float) -> Trial:
    spread = {"network": [["a", "list"], {"a": "mapping"}, "modern"][number % 3], "val_size": number / 10}
    drawn = {"width": 8 + number % 3, "dropout": 0.1, "batch_size": 64, "optimizer.learning_rate": 0.002}
    metric = curve[-1] if curve else None
    return Trial(
        number, state, len(curve), (1, 4), nested({**spread, **drawn}), metric, Path("/there"), None, curve
    )


TRIALS = (
    trial(0, TrialState.COMPLETED, 0.5, 0.7, 0.8, 0.85),
    trial(1, TrialState.STOPPED, 0.4),
    trial(2, TrialState.RUNNING, 0.5, 0.6),
    trial(3, TrialState.FAILED),
    trial(4, TrialState.STOPPED, float("nan")),
)


@pytest.mark.parametrize("trials", [TRIALS, TRIALS[:1], TRIALS[3:], ()])
def test_both_pictures_can_be_drawn_of_any_trials(trials: tuple[Trial, ...]) -> None:
    for content in (
        learning_curves(EXPERIMENT, trials, "a search"),
        parallel_coordinates(EXPERIMENT, trials, "a search"),
    ):
        picture = Image.open(io.BytesIO(content))
        assert picture.format == "PNG"
        assert picture.width > 500
        assert picture.height > 400
