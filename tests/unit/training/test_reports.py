import math
from dataclasses import replace

import pytest

from fmnist.errors import Diverged
from tests.support.runs import epoch_report


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_tracker_hears_of_a_figure_that_is_not_finite(value: float) -> None:
    report = epoch_report(2, 0.5)
    with pytest.raises(Diverged, match=rf"epoch 2, step 20: training loss is {value}; lower"):
        replace(report, training={"loss": value})
    with pytest.raises(Diverged, match=rf"validation accuracy is {value}"):
        replace(report, validation={"accuracy": value})
