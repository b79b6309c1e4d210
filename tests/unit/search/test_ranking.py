from io import StringIO
from pathlib import Path

from rich.console import Console

from fmnist.search.ranking import ranking
from fmnist.search.trial import Trial, TrialState, best_of, ranked

POINT = {"dropout": 0.1, "optimizer": {"name": "adamw", "learning_rate": 0.00123456}, "width": 8}
RUNNING = Trial(0, TrialState.RUNNING, 1, (1, 4), POINT, 0.8)
STOPPED = Trial(1, TrialState.STOPPED, 1, (1, 4), {**POINT, "dropout": 0.25}, 0.9, Path("/1"))
OTHER = {**POINT, "optimizer": {"name": "adamw", "learning_rate": 0.02}}
FAILED = Trial(2, TrialState.FAILED, 0, (1, 4), OTHER, None, None, "ValueError: no such luck")


def printed(*trials: Trial, width: int = 100) -> list[str]:
    stream = StringIO()
    table = ranking(trials, "three trials", {0: 1.52, 1: 1.0}, width)
    Console(file=stream, width=width).print(table)
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_trials_are_ranked_with_their_rungs_and_what_varies() -> None:
    lines = printed(RUNNING, STOPPED, FAILED)
    assert lines[0] == "three trials"
    assert lines[2] == "trial state accuracy epochs rungs dropout rate"
    assert lines[4:] == [
        "1 stopped 0.9000 1/4 1✗ 4· 0.25 0.00123",
        "0 running 0.8000 1.5/4 1✓ 4· 0.1 0.00123",
        "2 failed 0/4 1· 4· 0.1 0.02",
        "trial 2: ValueError: no such luck",
    ]


def test_a_narrow_terminal_holds_a_line_per_trial_and_says_what_it_left_out() -> None:
    lines = printed(RUNNING, STOPPED, FAILED, width=50)
    assert len(lines) == 1 + 2 + 3 + 2
    assert lines[-1] == "in a wider terminal: optimizer.learning_rate"
    assert all("…" not in line for line in lines)


def test_no_trials_make_an_empty_table() -> None:
    assert printed()[0] == "three trials"


def test_a_metric_that_is_no_number_is_never_the_best() -> None:
    trials = [
        Trial(number, TrialState.COMPLETED, 4, (4,), {}, metric, Path("/there"))
        for number, metric in enumerate([float("nan"), 0.3, float("inf"), 0.2])
    ]
    best = best_of(trials)
    assert best is not None
    assert best.metric == 0.3
    assert [trial.id for trial in ranked(trials)] == [1, 3, 0, 2]
    assert best_of(trials[:1]) is None
    assert best_of([RUNNING]) is None
