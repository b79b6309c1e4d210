"""Demo: run every stage of the path once on this machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fmnist import wiring as engines
from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES, MODEL_NAME
from fmnist.core.machine import usable_cores
from fmnist.core.progress import Say
from fmnist.data.base import Commit
from fmnist.data.commits import load
from fmnist.data.fetch import fetch
from fmnist.deployment.promote import Actor, Promotion
from fmnist.errors import GateRefused, IntegrityError
from fmnist.experiments import Experiment, load_experiment
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.files.git import code_version
from fmnist.gate.verdict import GateResult
from fmnist.jobs.demo_report import DemoPrediction, DemoReport, DemoStep, time_calibration_loop
from fmnist.jobs.gate import POLICY, GateArguments, run
from fmnist.jobs.search import search_experiment
from fmnist.jobs.train import open_workers
from fmnist.registry.base import ModelVersion, find
from fmnist.report.lineage import lineage_of
from fmnist.search.trial import Trial
from fmnist.serving.client import Client
from fmnist.settings import PROJECT, Settings, user
from fmnist.training import progress as training_progress
from fmnist.training.job import TrainingJob
from fmnist.training.workers import Workers, prepare
from fmnist.wiring import promoter

SEARCH = (
    "name=fmnist-demo",
    "searcher.max_trials=3",
    "searcher.max_time=2",
    "searcher.divisor=2",
    "searcher.mode=aggressive",
    "hyperparameters.epochs=2",
    "hyperparameters.network=modern",
    "hyperparameters.width={type: categorical, vals: [24, 32]}",
    "hyperparameters.optimizer.learning_rate={type: log, base: 10, minval: -2, maxval: -1.8}",
    "hyperparameters.augmentation={flip: 0.5}",
)
"""Overrides that make ``adaptive.yaml`` small, as for ``fmnist search --config``.

The quick network and a high learning rate; more augmentation pays off only after many epochs.
"""

EPOCHS = 6
"""Of the best trial at the end, including those of the search."""

SINGLE_PREDICTIONS = 10
_BATCH = 500


def walk(settings: Settings, say: Say, policy: Path = POLICY) -> DemoReport:
    """Run the path from raw files to a served prediction, and leave the model serving.

    Args:
        settings: engines and folders.
        say: receives lines of progress.
        policy: the gate's policy, a file like ``gate.yaml``.

    Raises:
        GateRefused: the gate refused the trained version, and there is no champion to keep; the version
            is registered, but not served.
    """
    start = time.perf_counter()
    prepare()
    steps = _Steps(say)
    store = engines.data_store(settings)
    registry = engines.model_registry(settings)
    with steps.take("Data commit") as outcome:
        train_data, test_data = fetch(settings, store, say)
        dataset = load(store, train_data)
        outcome(f"{train_data.origin}: {len(dataset):,} images, {_short(train_data)}, {_short(test_data)}")
    bundle = _trained(settings, train_data, dataset, steps)
    with steps.take("Model version") as outcome:
        version = registry.register(MODEL_NAME, bundle)
        outcome(f"{version.model} {version.number}, bundle {version.bundle_sha256[:12]}")
    with steps.take("Gate") as outcome:
        result = _gated(settings, version, test_data, policy)
        outcome(_format_result(result))
    with steps.take("Deploy") as outcome:
        promotion = _promoted(settings, version, result, policy)
        deployment = promotion.deployment
        if not result.passed:
            outcome(f"version {version.number} is refused, so the champion stays")
        outcome(f"version {deployment.version} takes {deployment.weight} % of the traffic")
        for note in promotion.notes:
            outcome(note)
    with steps.take("Predict") as outcome:
        dataset = load(store, test_data)
        with Client(deployment.url) as client:
            answers = tuple(_single_predictions(client, dataset))
            accuracy = _accuracy(client, dataset, deployment.version)
        outcome(f"accuracy {accuracy:.4f} on all test images, through the gateway")
    return DemoReport(
        dataset=train_data.origin,
        accuracy=accuracy,
        seconds=round(time.perf_counter() - start, 1),
        model_version=deployment.version,
        lineage=lineage_of(registry.get(MODEL_NAME, deployment.version)),
        steps=tuple(steps.taken),
        answers=answers,
        cores=usable_cores(),
        calibration_seconds=round(time_calibration_loop(), 2),
        url=deployment.url,
    )


class _Steps:
    def __init__(self, say: Say) -> None:
        self._say = say
        self.taken: list[DemoStep] = []

    @contextmanager
    def take(self, name: str) -> Iterator[Say]:
        """Time a step; the block reports its outcome."""
        self._say(f"{len(self.taken) + 1}. {name}")
        start = time.perf_counter()
        outcomes: list[str] = []
        yield outcomes.append
        step = DemoStep(name, round(time.perf_counter() - start, 1), "; ".join(outcomes))
        self._say(f"   {step.outcome} ({step.seconds:.1f} s)")
        self.taken.append(step)


def _trained(settings: Settings, commit: Commit, dataset: Dataset, steps: _Steps) -> Bundle:
    """Search, then continue the best trial from its checkpoint."""
    experiment = load_experiment(PROJECT / "adaptive.yaml", SEARCH)
    with open_workers(settings, commit, dataset) as workers:
        with steps.take("Search") as outcome:
            result = search_experiment(settings, experiment, commit.reference(), workers, fresh=True)
            best = result.best
            outcome(f"{len(result.trials)} trials, best {best.id}: validation accuracy {best.metric:.4f}")
        with steps.take("Train on") as outcome:
            bundle = _continued(settings, experiment, commit, best, workers)
            metrics = bundle.metadata.metrics
            outcome(
                f"trial {best.id} from its checkpoint to epoch {EPOCHS}: "
                f"validation accuracy {metrics['accuracy']:.4f}"
            )
    return bundle


def _continued(
    settings: Settings, experiment: Experiment, commit: Commit, best: Trial, workers: Workers
) -> Bundle:
    with (
        engines.open_run(settings, experiment.name, f"trial-{best.id}-continued") as run,
        training_progress.shown() as progress,
    ):
        job = TrainingJob(
            experiment=experiment.name,
            hyperparameters=Hyperparameters.read({**best.hyperparameters, "epochs": EPOCHS}),
            train_data=commit.reference(),
            folder=settings.checkpoints / experiment.name / run.id,
            seed=experiment.reproducibility.experiment_seed,
            threads=usable_cores(),
            git_commit=str(code_version(PROJECT)),
            parent=best.checkpoint,
        )
        return workers.run(job, run, progress)


def _gated(settings: Settings, version: ModelVersion, test_data: Commit, policy: Path) -> GateResult:
    return run(settings, GateArguments(version.model, version.number, test_data.id, policy)).result


def _format_result(result: GateResult) -> str:
    return f"passed {len(result.verdict.rules)} rules" if result.passed else f"refused: {result.reasons}"


def _promoted(settings: Settings, version: ModelVersion, result: GateResult, policy: Path) -> Promotion:
    """Promote the version, or redeploy the champion if the gate refused the version."""
    promotions = promoter(settings, version.model, policy)
    champion = promotions.log.read().champion
    if result.passed:
        return promotions.promote(version.number, Actor(user(), "make demo"))
    if champion is None:
        raise GateRefused(f"version {version.number} of {version.model} is refused: {result.reasons}")
    current = find(promotions.registry, version.model, champion.bundle_sha256)
    return promotions.promote(current.number, Actor(user(), "make demo"))


def _single_predictions(client: Client, dataset: Dataset) -> Iterator[DemoPrediction]:
    """One request per image, as a user would send it."""
    first = slice(SINGLE_PREDICTIONS)
    for image, label in zip(dataset.images[first], dataset.labels[first], strict=True):
        (prediction,) = client.predict(image[np.newaxis]).predictions
        yield DemoPrediction(CLASSES[label], prediction.label, prediction.probability)


def _accuracy(client: Client, dataset: Dataset, version: int) -> float:
    """Accuracy on all images, 0-1; every prediction must come from ``version``."""
    labels: list[str] = []
    for start in range(0, len(dataset), _BATCH):
        response = client.predict(dataset.images[start : start + _BATCH])
        if response.tags["model_version"] != str(version):
            raise IntegrityError(
                f"version {response.tags['model_version']} made a prediction, expected {version}"
            )
        labels += [prediction.label for prediction in response.predictions]
    return float(np.mean(np.array(labels) == np.array(CLASSES)[dataset.labels]))


def _short(commit: Commit) -> str:
    return f"{commit.repo}@{commit.id[:12]}"
