"""One data commit, trained on once: its search, waited for, and its best checkpoint registered."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.core.progress import Say
from fmnist.data.base import DataStore
from fmnist.data.quality import Validation
from fmnist.experiments.base import Experiments
from fmnist.experiments.submission import Submission, prepare
from fmnist.registry.base import ModelRegistry

RESULT = "training.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class OncePerCommit(Submission):
    """A submission whose key is its training data, whatever the code and the configuration are.

    So a pipeline that is updated, or a clock that ticks, does not train again on what was trained on.
    """

    @property
    def key(self) -> str:
        return f"{self.train.repo}@{self.train.id}"


@dataclass(frozen=True)
class Trained:
    """``version`` of ``model`` is the best checkpoint of ``experiment``, which learned from ``commit``.

    ``accuracy`` is 0-1 on the validation images.
    """

    commit: str
    experiment: int
    url: str
    trials: int
    accuracy: float
    model: str
    version: int

    def text(self) -> str:
        """As a file holds it."""
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=2) + "\n"


@dataclass(frozen=True)
class Cluster:
    """What a training on a cluster takes."""

    store: DataStore
    experiments: Experiments
    registry: ModelRegistry


def train_on(
    found: Validation, commit: str, file: Path, cluster: Cluster, seconds: float, say: Say
) -> Trained:
    """Search by the experiment file ``file``, unless the commit was or is being trained on; wait; register.

    ``commit`` holds the very files that ``found`` tells of; the code that trials run is beside ``file``.

    Raises:
        ConfigError: the file is wrong, or the master refuses it.
        TrainingFailed: the search was cancelled or broke, or left no checkpoint.
        TimedOut: it is not over after ``seconds``.
        InputError: the best checkpoint cannot be registered.
    """
    submission = _submission(found, commit, file, cluster.store)
    made = cluster.experiments.create(submission, once=True)
    say(
        f"experiment {made.id} {'started' if made.is_new else 'was started before'} for {submission.key}: "
        f"{made.url}"
    )
    outcome = cluster.experiments.wait(made.id, seconds, say)
    with cluster.experiments.best(made.id) as bundle:
        version = cluster.registry.register(MODEL_NAME, bundle)
    say(f"{version.model} {version.number}: validation accuracy {outcome.metric:.4f}")
    return Trained(commit, made.id, made.url, outcome.trials, outcome.metric, version.model, version.number)


def _submission(found: Validation, commit: str, file: Path, store: DataStore) -> OncePerCommit:
    # Quoted: an id of digits alone is a number to YAML.
    exact = [
        f'data.train.repo="{found.repo}"',
        f'data.train.commit="{commit}"',
        f'data.test.repo="{found.test_repo}"',
        f'data.test.commit="{found.test_commit}"',
    ]
    ready = prepare(file, exact, store, file.parent)
    return OncePerCommit(**{field.name: getattr(ready, field.name) for field in fields(ready)})
