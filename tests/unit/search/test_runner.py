import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmnist.core.bundle import open_bundle
from fmnist.core.provenance import DataReference
from fmnist.errors import ConfigError, FmnistError, UnavailableError
from fmnist.experiments import Experiment
from fmnist.search.progress import SearchLines
from fmnist.search.resources import Shares, share_machine
from fmnist.search.runner import search
from fmnist.search.study_folder import find_study, study_folder
from fmnist.search.trial import SearchResult, Trial, TrialState
from fmnist.settings import Settings, from_environment
from fmnist.training.worker_process import Train
from fmnist.training.workers import Workers, share
from tests.support import experiments
from tests.support import fake_training as fake
from tests.support.experiments import RANDOM as ALL
from tests.support.recorded_runs import Tracker

DATA = DataReference("fmnist-train-raw", "0" * 40, "synthetic", {})
ASHA = {**experiments.ASHA, "max_time": 4, "max_trials": 4, "mode": "aggressive"}


def experiment(searcher: dict[str, Any], seed: int = 7) -> Experiment:
    return experiments.experiment(searcher, epochs=4, seed=seed)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return from_environment({"FMNIST_HOME": str(tmp_path / "home")})


def searched(
    settings: Settings,
    experiment: Experiment,
    train: Train = fake.trains,
    tracker: Tracker | None = None,
    **options: Any,
) -> SearchResult:
    data = options.pop("data", DATA)
    arrays = share(fake.images(), settings.cache / "arrays")
    shares = Shares(jobs=options.pop("jobs", 2), threads=options.pop("threads", 1))
    with Workers(arrays, train) as workers:
        return search(experiment, data, settings, workers, (tracker or Tracker()).open, shares, **options)


def test_random_runs_all_to_the_end_and_the_best_has_its_own_checkpoint(settings: Settings) -> None:
    result = searched(settings, experiment(ALL))
    assert [trial.id for trial in result.trials] == [0, 1, 2, 3]
    assert {trial.state for trial in result.trials} == {TrialState.COMPLETED}
    assert {trial.epochs for trial in result.trials} == {4}
    for trial in result.trials:
        assert trial.metric == fake.accuracy(trial.hyperparameters["dropout"], 4)
        assert trial.checkpoint == settings.checkpoints / "fmnist-adaptive" / f"trial-{trial.id}"
        assert open_bundle(trial.checkpoint)
    assert result.best == min(result.trials, key=lambda trial: trial.hyperparameters["dropout"])


def test_the_adaptive_searcher_stops_trials_at_once_and_keeps_their_checkpoints(settings: Settings) -> None:
    result = searched(settings, experiment({**ASHA, "divisor": 2, "max_trials": 8}), jobs=1)
    stopped = [trial for trial in result.trials if trial.state is TrialState.STOPPED]
    assert stopped
    assert len(result.trials) == 8
    for trial in stopped:
        assert trial.epochs in (1, 2)
        assert trial.checkpoint is not None
        assert (trial.checkpoint / "epochs").read_text() == str(trial.epochs)
    assert result.best.epochs == 4


def test_one_search_at_a_time_gives_the_same_again(settings: Settings, tmp_path: Path) -> None:
    made = experiment({**ASHA, "divisor": 2})
    other = settings.model_copy(update={"home": tmp_path / "other"})
    first, second = searched(settings, made, jobs=1), searched(other, made, jobs=1)
    assert [(t.state, t.epochs, t.metric, t.hyperparameters) for t in first.trials] == [
        (t.state, t.epochs, t.metric, t.hyperparameters) for t in second.trials
    ]


def test_trials_that_die_are_failures_with_a_reason_and_the_search_goes_on(settings: Settings) -> None:
    tracker = Tracker()
    result = searched(settings, experiment(ALL), fake.second_raises_third_is_killed, tracker)
    first, raised, killed, last = result.trials
    assert {first.state, last.state} == {TrialState.COMPLETED}
    assert raised.error is not None
    assert raised.error.startswith("ValueError: no such luck")
    assert killed.error is not None
    assert killed.error.startswith("its process was killed by signal 9")
    assert {raised.state, killed.state} == {TrialState.FAILED}
    assert result.best in (first, last)
    assert {name: run.error for name, run in tracker.runs.items()} == {
        "trial-0": None,
        "trial-1": raised.error,
        "trial-2": killed.error,
        "trial-3": None,
    }
    assert tracker.runs["trial-0"].parameters["trial"] == 0


def test_a_search_whose_trials_all_fail_is_an_error(settings: Settings) -> None:
    with pytest.raises(FmnistError, match="all 4 trials failed; trial 0: ValueError: no such luck"):
        searched(settings, experiment(ALL), fake.always_raises)


def test_a_second_searcher_is_refused(settings: Settings) -> None:
    made = experiment(ALL)
    with (
        study_folder(settings, made, DATA, fresh=False),
        pytest.raises(UnavailableError, match=r"process \d+ is searching it"),
        study_folder(settings, made, DATA, fresh=False),
    ):
        pass


def test_a_finished_study_is_refused_and_fresh_sets_it_aside(settings: Settings) -> None:
    made, tracker = experiment(ALL), Tracker()
    first = searched(settings, made, tracker=tracker)
    with pytest.raises(ConfigError, match=r"is finished\. --fresh"):
        searched(settings, made)
    second = searched(settings, made, tracker=tracker, fresh=True)
    assert len(tracker.studies) == 2
    assert [trial.metric for trial in first.trials] == [trial.metric for trial in second.trials]
    assert len(list(settings.studies.glob("fmnist-adaptive.*"))) == 1
    (aside,) = settings.checkpoints.glob("fmnist-adaptive.*")
    assert {path.name for path in aside.iterdir()} == {f"trial-{number}" for number in range(4)}


@pytest.mark.parametrize(
    ("made", "data", "message"),
    [
        (experiment({**ALL, "max_trials": 5}), DATA, "another searcher"),
        (experiment(ALL), replace(DATA, commit="1" * 40), "another data commit"),
        (experiment(ALL, seed=1), DATA, "another experiment_seed"),
    ],
)
def test_a_study_belongs_to_its_configuration_and_data(
    settings: Settings, made: Experiment, data: DataReference, message: str
) -> None:
    with study_folder(settings, experiment(ALL), DATA, fresh=False) as folder:
        before = (folder / "study.json").read_text()
    with pytest.raises(ConfigError, match=message):
        searched(settings, made, data=data)
    assert (folder / "study.json").read_text() == before
    assert list(settings.checkpoints.glob("*")) == []


def test_more_trials_at_once_may_be_allowed_later(settings: Settings) -> None:
    with study_folder(settings, experiment(ALL), DATA, fresh=False) as folder:
        pass
    more = experiment({**ALL, "max_concurrent_trials": 3})
    with study_folder(settings, more, DATA, fresh=False) as again:
        assert again == folder
        assert json.loads((folder / "study.json").read_text())["schema_version"] == 2


def test_a_study_of_version_1_goes_on(settings: Settings) -> None:
    """Version 1 named its fields as messages do."""
    made = experiment(ALL)
    with study_folder(settings, made, DATA, fresh=False) as folder:
        content = json.loads((folder / "study.json").read_text())
    old = {
        "schema_version": 1,
        "data commit": content["data_commit"],
        "set of hyperparameters": content["hyperparameters"],
        "searcher": content["searcher"],
        "experiment_seed": content["experiment_seed"],
    }
    (folder / "study.json").write_text(json.dumps(old, indent=2) + "\n")
    assert len(searched(settings, made).trials) == 4
    found = find_study(settings, made.name)
    assert (found.data, found.experiment.searcher) == (f"{DATA.repo}@{DATA.commit}", made.searcher)
    with pytest.raises(ConfigError, match="has another experiment_seed"):
        searched(settings, experiment(ALL, seed=1))


def test_an_interrupted_search_goes_on(settings: Settings) -> None:
    class Interrupts:
        def began(self, *_: Any) -> None:
            pass

        def stepped(self, *_: Any) -> None:
            pass

        def changed(self, trial: Any, trials: tuple[Any, ...]) -> None:
            if len([other for other in trials if other.checkpoint]) == 2:
                raise KeyboardInterrupt

    tracker = Tracker()
    with pytest.raises(KeyboardInterrupt):
        searched(settings, experiment(ALL), tracker=tracker, progress=Interrupts(), jobs=1)
    finished = {path: path.stat().st_mtime_ns for path in settings.checkpoints.rglob("metadata.json")}
    assert len(finished) == 2
    result = searched(settings, experiment(ALL), jobs=1)
    assert len(result.trials) == 4
    assert {trial.state for trial in result.trials} == {TrialState.COMPLETED}
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


def test_a_trial_whose_process_dies_is_started_again(settings: Settings, tmp_path: Path) -> None:
    tracker = Tracker()
    with (tmp_path / "lines").open("w") as stream:
        result = searched(
            settings, experiment(ALL), fake.second_dies, tracker, progress=SearchLines(stream), jobs=1
        )
    assert {trial.state for trial in result.trials} == {TrialState.COMPLETED}
    assert tracker.runs["trial-1"].epochs == [1, 2, 3, 4]
    assert tracker.runs["trial-1"].error is None
    said = (tmp_path / "lines").read_text()
    assert "trial 1: its process was killed by signal 9" in said
    assert "restarted, 1 of 5" in said
    journal = (settings.studies / "fmnist-adaptive" / "journal.log").read_text().splitlines()
    written = [line for line in journal if json.loads(line)["op_code"] == 7]
    assert len(written) == 4 * 4


def test_a_trial_is_started_again_no_more_often_than_the_file_says(settings: Settings) -> None:
    made = experiment(ALL).model_copy(update={"max_restarts": 2})
    result = searched(settings, made, fake.second_always_dies, jobs=1)
    assert [trial.state for trial in result.trials].count(TrialState.FAILED) == 1
    assert (settings.checkpoints / "fmnist-adaptive" / "starts").read_text() == "xxx"
    assert not list((settings.studies / "fmnist-adaptive").glob("states/*"))


class InterruptsAtEpoch:
    """Ctrl-C when trial 1 has come to its second epoch."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def began(self, *_: Any) -> None:
        pass

    def stepped(self, *_: Any) -> None:
        pass

    def noted(self, text: str) -> None:
        self.notes.append(text)

    def changed(self, trial: Trial, trials: tuple[Trial, ...]) -> None:
        if trial.id == 1 and trial.epochs == 2 and not self.notes:
            raise KeyboardInterrupt


def test_an_interrupted_trial_goes_on_as_the_same_job(settings: Settings) -> None:
    tracker = Tracker()
    with pytest.raises(KeyboardInterrupt):
        searched(settings, experiment(ALL), tracker=tracker, progress=InterruptsAtEpoch(), jobs=1)
    before = tracker.runs.pop("trial-1").job
    searched(settings, experiment(ALL), tracker=tracker, jobs=1)
    assert tracker.runs["trial-1"].job == before
    assert len({run.job for run in tracker.runs.values()}) == 4
    assert len(tracker.studies) == 1


def test_a_trial_begun_with_other_threads_begins_anew_and_that_is_said(settings: Settings) -> None:
    tracker, told = Tracker(), InterruptsAtEpoch()
    with pytest.raises(KeyboardInterrupt):
        searched(settings, experiment(ALL), tracker=tracker, progress=told, jobs=1)
    before = tracker.runs.pop("trial-1").job
    told.notes.append("interrupted")
    searched(settings, experiment(ALL), tracker=tracker, progress=told, jobs=1, threads=2)
    assert tracker.runs["trial-1"].job != before
    assert told.notes[1].startswith("trial 1 starts over: ")
    assert "has another number of threads" in told.notes[1]


def test_lines_tell_each_event(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with path.open("w") as stream:
        searched(settings, experiment(ALL), progress=SearchLines(stream), jobs=1)
    lines = path.read_text().splitlines()
    assert lines[0] == "4 trials (about 4 x 4 epochs), 1 at once with 1 thread each"
    assert lines[1] == "trial 0 running, epoch 0/4 (0 ended)"
    assert len(lines) == 1 + 4 * 6


def test_the_machine_is_shared_within_its_memory() -> None:
    made = experiment({**ALL, "max_concurrent_trials": 1})
    assert share_machine(made, None).jobs == 1
    assert share_machine(made, 1).threads >= 1
    with pytest.raises(ConfigError, match=r"--jobs 100000: .* GiB of memory are free"):
        share_machine(made, 100_000)
