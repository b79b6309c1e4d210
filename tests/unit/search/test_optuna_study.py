import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from fmnist.errors import ConfigError
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.search.asha import Plan, passes_rung, plan_of
from fmnist.search.optuna.study import Study
from fmnist.search.trial import TrialState
from fmnist.tracking.base import Decision
from tests.support.experiments import ASHA, experiment


def opened(folder: Path, **searcher: Any) -> tuple[Study, Plan]:
    made = experiment({**ASHA, **searcher})
    plan = plan_of(made)
    return Study(folder / "journal.log", made, plan), plan


def curve(trial: int, epoch: int) -> float:
    return random.Random(trial).random() + 0.01 * epoch


def run_all(study: Study, epochs: int, failing: frozenset[int] = frozenset()) -> dict[int, int]:
    """Epochs that each trial ran, one trial after another."""
    ran = {}
    while (number := study.next()) is not None:
        if number in failing:
            study.fail(number, "broken")
            ran[number] = 0
            continue
        for epoch in range(1, epochs + 1):
            ran[number] = epoch
            if study.report(number, epoch, curve(number, epoch)) is Decision.STOP:
                break
        study.finish(number, Path(f"/trial-{number}"))
    return ran


def by_the_rule(plan: Plan, failing: frozenset[int] = frozenset()) -> dict[int, int]:
    """The same, kept in lists as Determined's master keeps it."""
    lists: dict[tuple[int, int], list[float]] = {}
    ran = {}
    for number in range(plan.trials):
        bracket = plan.bracket_of[number]
        ran[number] = 0
        if number in failing:
            lists.setdefault((bracket, 0), []).append(float("-inf"))
            continue
        for rung, epochs in enumerate(plan.rungs_of(number)):
            others = lists.setdefault((bracket, rung), [])
            metric = curve(number, epochs)
            ran[number] = epochs
            passes = passes_rung(metric, others, plan.divisor)
            others.append(metric)
            if not passes:
                break
    return ran


@pytest.mark.parametrize(
    "searcher",
    [
        {"max_trials": 16, "max_time": 16, "divisor": 4},
        {"max_trials": 12, "max_time": 10, "divisor": 2, "mode": "aggressive"},
        {"max_trials": 12, "max_time": 3, "divisor": 1.2, "mode": "conservative"},
    ],
)
@pytest.mark.parametrize("failing", [frozenset[int](), frozenset({0, 3})])
def test_the_pruner_stops_where_the_rule_does(
    tmp_path: Path, searcher: dict[str, Any], failing: frozenset[int]
) -> None:
    study, plan = opened(tmp_path, **searcher)
    ran = run_all(study, searcher["max_time"], failing)
    assert ran == by_the_rule(plan, failing)
    assert study.finished
    states = {trial.id: trial.state for trial in study.trials()}
    assert {number for number in failing if states[number] is TrialState.FAILED} == set(failing)
    for number, epochs in ran.items():
        if number not in failing:
            done = TrialState.COMPLETED if epochs == searcher["max_time"] else TrialState.STOPPED
            assert states[number] is done


def test_a_trial_is_told_as_it_was(tmp_path: Path) -> None:
    study, _ = opened(tmp_path, max_trials=2, max_time=2)
    number = study.next()
    assert number == 0
    study.report(0, 1, 0.5)
    trial = study.trial(0)
    assert (trial.state, trial.epochs, trial.metric, trial.checkpoint) == (TrialState.RUNNING, 1, 0.5, None)
    study.report(0, 2, 0.25)
    study.finish(0, Path("/there"))
    trial = study.trial(0)
    assert (trial.state, trial.epochs, trial.metric) == (TrialState.COMPLETED, 2, 0.25)
    assert trial.checkpoint == Path("/there")
    assert Hyperparameters.read(trial.hyperparameters) == study.hyperparameters[0]


def test_an_interrupted_trial_is_given_out_again_and_the_finished_are_not(tmp_path: Path) -> None:
    study, _ = opened(tmp_path, max_trials=3, max_time=2)
    assert study.next() == 0
    study.report(0, 1, 0.5)
    study.report(0, 2, 0.6)
    study.finish(0, Path("/there"))
    assert study.next() == 1
    study.report(1, 1, 0.7)
    before = study.trials()

    study, _ = opened(tmp_path, max_trials=3, max_time=2)
    assert study.trials() == before
    assert study.trial(1).epochs == 1
    assert not study.finished
    assert [study.next(), study.next(), study.next()] == [1, 2, None]


def test_an_interrupted_trial_begins_anew_and_its_later_figures_count(tmp_path: Path) -> None:
    study, _ = opened(tmp_path, max_trials=2, max_time=8, divisor=2, mode="aggressive")
    assert [study.next(), study.next()] == [0, 1]
    for epoch in range(1, 5):
        study.report(0, epoch, 0.5)

    study, plan = opened(tmp_path, max_trials=2, max_time=8, divisor=2, mode="aggressive")
    assert plan.rungs_of(0) == (4, 8)
    assert [study.next(), study.next()] == [0, 1]
    assert (study.trial(0).epochs, study.trial(0).metric) == (0, None)
    for epoch in range(1, 5):
        assert study.report(0, epoch, 0.6) is Decision.CONTINUE
    assert (study.trial(0).epochs, study.trial(0).metric) == (4, 0.6)
    for epoch in range(1, 4):
        assert study.report(1, epoch, 0.55) is Decision.CONTINUE
    assert study.report(1, 4, 0.55) is Decision.STOP


def test_a_metric_that_is_no_number_stops_the_trial_and_counts_as_the_worst(tmp_path: Path) -> None:
    study, plan = opened(tmp_path, max_trials=4, max_time=4, divisor=2, mode="aggressive")
    assert plan.rungs_of(0) == (1, 2, 4)
    assert [study.next(), study.next()] == [0, 1]
    assert study.report(0, 1, float("nan")) is Decision.STOP
    study.finish(0, Path("/there"))
    assert study.trial(0).state is TrialState.STOPPED
    assert study.report(1, 1, 0.1) is Decision.CONTINUE
    assert study.report(1, 2, float("inf")) is Decision.STOP


def test_a_search_needs_validation_images(tmp_path: Path) -> None:
    made = experiment(val_size=0)
    with pytest.raises(ConfigError, match=r"hyperparameters\.val_size: 0 holds out no image"):
        Study(tmp_path / "journal.log", made, plan_of(made))


def test_a_trial_that_goes_on_hears_what_it_heard_before_and_nothing_is_kept_twice(tmp_path: Path) -> None:
    rules = {"max_trials": 4, "max_time": 4, "divisor": 2, "max_rungs": 2, "mode": "aggressive"}
    study, plan = opened(tmp_path, **rules)
    assert plan.rungs_of(0)[0] == 2
    assert [study.next() for _ in range(4)] == [0, 1, 2, 3]
    for number, metric in ((0, 0.5), (1, 0.4)):
        study.report(number, 1, metric)
        decision = study.report(number, 2, metric)
    assert decision is Decision.STOP

    # Judged now, trial 1 would be let through: two of four are.
    for number in (2, 3):
        study.report(number, 1, 0.1)
        study.report(number, 2, 0.1)
    study, _ = opened(tmp_path, **rules)
    assert [study.next(), study.next()] == [0, 1]
    before = metrics_written(tmp_path)
    assert study.report(1, 1, 0.4) is Decision.CONTINUE
    assert study.report(1, 2, 0.4) is Decision.STOP
    assert study.report(0, 1, 0.5) is Decision.CONTINUE
    assert study.report(0, 2, 0.5) is Decision.CONTINUE
    assert metrics_written(tmp_path) == before == 8
    study.finish(1, Path("/there"))
    assert study.trial(1).state is TrialState.STOPPED


def metrics_written(folder: Path) -> int:
    lines = (folder / "journal.log").read_text().splitlines()
    return sum(json.loads(line)["op_code"] == 7 for line in lines)


def test_a_trial_killed_while_it_was_drawn_gets_the_rest_of_its_hyperparameters(tmp_path: Path) -> None:
    study, _ = opened(tmp_path, max_trials=1, max_time=2)
    study.next()
    journal = tmp_path / "journal.log"
    lines = journal.read_text().splitlines(keepends=True)
    params = [number for number, line in enumerate(lines) if json.loads(line)["op_code"] == 5]
    assert len(params) > 1
    journal.write_text("".join(lines[: params[1]]))
    study, _ = opened(tmp_path, max_trials=1, max_time=2)
    assert study.next() == 0
    assert journal.read_text().count('"op_code":5') == len(params)


def test_half_a_line_and_a_dead_lock_in_the_journal_are_no_hindrance(tmp_path: Path) -> None:
    study, _ = opened(tmp_path, max_trials=1, max_time=2)
    study.next()
    journal = tmp_path / "journal.log"
    with journal.open("a") as stream:
        stream.write('{"op_code":7,"worker')
    (tmp_path / "journal.log.lock").symlink_to(journal)
    start = time.monotonic()
    for _ in range(2):
        study, _ = opened(tmp_path, max_trials=1, max_time=2)
    assert time.monotonic() - start < 20, "Optuna waits 30 s for a dead holder's lock"
    assert study.next() == 0
    assert study.report(0, 1, 0.5) is Decision.CONTINUE
