"""Epochs to equal best validation accuracy: the adaptive searcher against random search.

First TRIALS random configurations are really trained, each to its end, on IMAGES training images: a
random search by `fmnist search`'s own code, kept in FMNIST_HOME, so that killed it goes on and a second
run finds the curves there. Then both searchers meet these configurations in the same shuffled orders,
one trial at a time, the adaptive one with adaptive.yaml's plan and stopping rule; a trial's epoch costs
one epoch in both.

The space is as wide as for somebody who knows nothing yet; --as-shipped takes adaptive.yaml's own, where
most configurations are nearly as good as the best. The network is the quick one, so that an epoch of
few images has steps enough for the first rung to say something.

Both look for the same accuracy: what random search has found after its first BUDGET trials, in the
median over many orders. Counted are the epochs until a trial first shows it; a searcher that comes to
the end without it goes on with the next order.
"""

import argparse
import itertools
import random
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import TRAIN
from fmnist.core.provenance import DataReference
from fmnist.data.commits import load
from fmnist.data.fetch import fetch
from fmnist.experiments import Experiment, load_experiment
from fmnist.jobs.search import search_experiment
from fmnist.jobs.train import open_workers
from fmnist.search.asha import Plan, passes_rung, plan_of
from fmnist.search.optuna.study import read_trials
from fmnist.search.study_folder import find_study
from fmnist.search.trial import TrialState
from fmnist.settings import PROJECT, Settings, from_environment
from fmnist.tracking.base import Run
from fmnist.tracking.null import NullRun
from fmnist.training.workers import prepare
from fmnist.wiring import data_store

SEEDS = (1, 2, 3, 4, 5)
WIDE = (
    "hyperparameters.optimizer.name={type: categorical, vals: [sgd, adam, adamw]}",
    "hyperparameters.optimizer.learning_rate={type: log, base: 10, minval: -5, maxval: -0.5}",
    "hyperparameters.optimizer.weight_decay={type: log, base: 10, minval: -5, maxval: 0}",
    "hyperparameters.batch_size={type: categorical, vals: [16, 32, 64, 128]}",
    "hyperparameters.dropout={type: double, minval: 0, maxval: 0.8}",
    "hyperparameters.augmentation.erase={type: double, minval: 0, maxval: 1}",
    "hyperparameters.augmentation.shift={type: double, minval: 0, maxval: 1}",
)
BUDGET = 16
ORDERS = 200
Curve = tuple[float, ...]


@contextmanager
def untracked(*_: object) -> Iterator[Run]:
    """Opens no run anywhere."""
    yield NullRun("bench")


def experiments(trials: int, epochs: int, as_shipped: bool) -> tuple[Experiment, Experiment]:
    """The random search whose curves are recorded, and adaptive.yaml's search over as many trials."""
    shared = [
        f"name=bench-search{'-as-shipped' if as_shipped else ''}-{trials}x{epochs}",
        f"hyperparameters.epochs={epochs}",
        "hyperparameters.network=modern",
        "hyperparameters.width=8",
        "hyperparameters.val_size=0.5",
        *(() if as_shipped else WIDE),
    ]
    adaptive = [f"searcher.max_time={epochs}", f"searcher.max_trials={trials}"]
    everything = (
        f"searcher={{name: random, metric: accuracy, smaller_is_better: false, max_trials: {trials}}}"
    )
    path = PROJECT / "adaptive.yaml"
    return load_experiment(path, [*shared, everything]), load_experiment(path, [*shared, *adaptive])


def recorded(experiment: Experiment, images: int) -> list[Curve]:
    """The validation accuracy of each trial by epoch; trained now unless it was before."""
    own = from_environment()
    settings = own.model_copy(update={"home": own.cache / f"bench-search-{images}"})
    curves = kept(settings, experiment)
    if len(curves) < plan_of(experiment).trials:
        record(own, settings, experiment, images)
        curves = kept(settings, experiment)
    return curves


def kept(settings: Settings, experiment: Experiment) -> list[Curve]:
    """The curves of the trials that have ended; a training that failed is at 0 from then on."""
    if not (settings.studies / experiment.name).exists():
        return []
    study = find_study(settings, experiment.name)
    trials = read_trials(study.journal, study.experiment, plan_of(study.experiment))
    ended = [trial.curve for trial in trials if trial.state is not TrialState.RUNNING]
    return [curve + (0.0,) * (experiment.epochs - len(curve)) for curve in ended]


def record(own: Settings, settings: Settings, experiment: Experiment, images: int) -> None:
    """Run the random search, or go on with it."""
    store = data_store(own)
    commit, _ = fetch(own, store, print)
    whole = load(store, commit)
    data = Dataset(whole.images[:images], whole.labels[:images])
    origin = DataReference(TRAIN.repo, f"{commit.id}, {images} images", commit.origin, {})
    prepare()
    with open_workers(settings, commit, data) as workers:
        search_experiment(settings, experiment, origin, workers, runs=untracked)


def orders(trials: int, seed: int) -> Iterator[list[int]]:
    """Shuffled trials, again and again."""
    shuffled = random.Random(seed)
    while True:
        yield shuffled.sample(range(trials), trials)


def spent_until(plan: Plan, curves: Sequence[Curve], order: Sequence[int], target: float) -> tuple[int, bool]:
    """Epochs until the target is met, or all of them; a trial that falls behind at a rung is stopped."""
    spent = 0
    arrived: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for number, trial in enumerate(order):
        rungs = plan.rungs_of(number)[:-1]
        for epoch, accuracy in enumerate(curves[trial], start=1):
            spent += 1
            if accuracy >= target:
                return spent, True
            if epoch not in rungs:
                continue
            others = arrived[plan.bracket_of[number], epoch]
            passes = passes_rung(accuracy, others, plan.divisor)
            others.append(accuracy)
            if not passes:
                break
    return spent, False


def main() -> None:
    """Record, replay and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--images", type=int, default=14000, help="half of them for validation")
    parser.add_argument("--repeats", type=int, default=100, help="searches per seed")
    parser.add_argument("--as-shipped", action="store_true", help="adaptive.yaml's own ranges")
    parser.add_argument("--quick", action="store_true", help="a minute, whose figure means nothing")
    options = parser.parse_args()
    if options.quick:
        options.trials, options.epochs, options.images, options.repeats = 4, 2, 600, 1
    everything, adaptive = experiments(options.trials, options.epochs, options.as_shipped)
    plans = {"random": plan_of(everything), "adaptive": plan_of(adaptive)}
    curves = recorded(everything, options.images)
    finals = sorted(curve[-1] for curve in curves)
    print(
        f"{len(curves)} configurations, {options.epochs} epochs each; accuracy at the end "
        f"{finals[0]:.4f} to {finals[-1]:.4f}, median {statistics.median(finals):.4f}"
    )
    print("seed  accuracy  random  adaptive  ratio   (mean epochs until a trial shows it)")
    ratios = []
    for seed in SEEDS:
        first = itertools.islice(orders(len(curves), seed), ORDERS)
        target = statistics.median(max(max(curves[t]) for t in order[:BUDGET]) for order in first)
        spent = dict.fromkeys(plans, 0)
        for name, plan in plans.items():
            shuffled = orders(len(curves), seed)
            found = 0
            while found < options.repeats:
                epochs, met = spent_until(plan, curves, next(shuffled), target)
                spent[name] += epochs
                found += met
        means = {name: epochs / options.repeats for name, epochs in spent.items()}
        ratios.append(means["random"] / means["adaptive"])
        print(
            f"{seed:4}  {target:8.4f}  {means['random']:6.0f}  {means['adaptive']:8.0f}  {ratios[-1]:5.1f}",
            flush=True,
        )
    print(
        f"random search needs {statistics.geometric_mean(ratios):.1f} times as many epochs as the adaptive "
        f"searcher for an equally good configuration (geometric mean of {len(SEEDS)} seeds)"
    )


if __name__ == "__main__":
    main()
