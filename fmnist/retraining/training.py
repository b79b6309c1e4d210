"""Train on a data commit once: search on a cluster, wait, register the best checkpoint."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.core.logs import bind
from fmnist.core.progress import Say
from fmnist.data.base import DataStore
from fmnist.data.quality import Validation
from fmnist.experiments.submission import Submission, prepare
from fmnist.files.atomic import write_atomically
from fmnist.files.documents import record_text
from fmnist.registry.base import ModelRegistry

if TYPE_CHECKING:
    from fmnist.experiments.determined.experiments import DeterminedExperiments

RESULT = "training.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class OncePerCommit(Submission):
    """A submission whose key is its training data, whatever its code and configuration.

    So neither an updated pipeline nor the clock trains again on the same data.
    """

    @property
    def key(self) -> str:
        return f"{self.train.repo}@{self.train.id}"


@dataclass(frozen=True)
class TrainingResult:
    """Content of ``training.json`` after a training.

    Attributes:
        commit: the training data's.
        experiment: id of the search in Determined, with its ``url`` and number of ``trials``.
        accuracy: of the best checkpoint on the validation images, 0-1.
        version: number in the registry under which that checkpoint became a version of ``model``.
    """

    commit: str
    experiment: int
    url: str
    trials: int
    accuracy: float
    model: str
    version: int


@dataclass(frozen=True)
class NoTraining:
    """Content of ``training.json`` if the champion's number ``champion`` has seen the data of ``commit``."""

    commit: str
    champion: int


def write_result(folder: Path, result: TrainingResult | NoTraining) -> None:
    """Write ``training.json``."""
    write_atomically(folder / RESULT, record_text(result, SCHEMA_VERSION))


@dataclass(frozen=True)
class Cluster:
    """Services that a training on a cluster needs."""

    store: DataStore
    experiments: "DeterminedExperiments"
    registry: ModelRegistry


def train_on(
    validation: Validation, commit: str, file: Path, cluster: Cluster, seconds: float, say: Say
) -> TrainingResult:
    """Search by the experiment file ``file``, unless the commit was or is being trained on; wait; register.

    Args:
        validation: of the very files that ``commit`` holds.
        commit: id of the training data.
        file: experiment file; the code that trials run is in its folder.
        cluster: services.
        seconds: to wait for the search.
        say: receives lines of progress.

    Raises:
        ConfigError: the file is wrong, or the master refuses it.
        TrainingFailed: the search was cancelled or broke, or left no checkpoint.
        TimedOut: it is not over after ``seconds``.
        InputError: the best checkpoint cannot be registered.
    """
    submission = _submission(validation, commit, file, cluster.store)
    made = cluster.experiments.create(submission, once=True)
    bind(data_commit=commit, run=f"experiment {made.id}")
    say(
        f"experiment {made.id} {'started' if made.is_new else 'was started before'} for {submission.key}: "
        f"{made.url}"
    )
    outcome = cluster.experiments.wait(made.id, seconds, say)
    with cluster.experiments.best(made.id) as bundle:
        version = cluster.registry.register(MODEL_NAME, bundle)
    bind(version=f"{version.model}/{version.number}")
    say(f"{version.model} {version.number}: validation accuracy {outcome.metric:.4f}")
    return TrainingResult(
        commit, made.id, made.url, outcome.trials, outcome.metric, version.model, version.number
    )


def _submission(validation: Validation, commit: str, file: Path, store: DataStore) -> OncePerCommit:
    # Quoted: an id of digits alone is a number to YAML.
    exact = [
        f'data.train.repo="{validation.repo}"',
        f'data.train.commit="{commit}"',
        f'data.test.repo="{validation.test_repo}"',
        f'data.test.commit="{validation.test_commit}"',
    ]
    ready = prepare(file, exact, store, file.parent)
    return OncePerCommit(**{field.name: getattr(ready, field.name) for field in fields(ready)})
