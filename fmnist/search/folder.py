"""Where a study is kept, who may work on it, and what it belongs to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fmnist.bundle import DataReference
from fmnist.errors import ConfigError, IntegrityError
from fmnist.files import write_atomically
from fmnist.lock import held
from fmnist.settings import Settings
from fmnist.training.experiment import Experiment
from fmnist.training.names import folder_name

SCHEMA_VERSION = 1
_IDENTITY = "study.json"


def trial_folder(settings: Settings, experiment: str, trial: int) -> Path:
    """Where the checkpoint bundle of a trial goes."""
    return settings.checkpoints / folder_name(experiment) / f"trial-{trial}"


def state_folder(study: Path, trial: int) -> Path:
    """Where an unfinished trial's states are kept, within its study."""
    return study / "states" / f"trial-{trial}"


@contextmanager
def study_folder(
    settings: Settings, experiment: Experiment, data: DataReference, *, fresh: bool
) -> Iterator[Path]:
    """The study's folder, held exclusively for the block; made when missing.

    Args:
        settings: say where studies and checkpoints are.
        experiment: its name is the study's.
        data: the commit that the study belongs to.
        fresh: set an existing study and its trials' checkpoints aside, under names with the time.

    Raises:
        UnavailableError: another process is searching it.
        ConfigError: the study there belongs to another configuration or data commit.
    """
    folder = settings.studies / folder_name(experiment.name)
    busy = (
        f"study {experiment.name}: process {{process}} is searching it; wait for its end, "
        "or search under another name: --config name=..."
    )
    with held(folder.with_name(f".{folder.name}.lock"), busy):
        if fresh and folder.exists():
            _set_aside(folder, settings.checkpoints / folder.name)
        _claim(folder, experiment, data)
        yield folder


def _set_aside(folder: Path, checkpoints: Path) -> None:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    # Checkpoints first: a study without them is set aside again, they would be written over.
    trials = sorted(checkpoints.glob("trial-*"))
    if trials:
        aside = checkpoints.with_name(f"{checkpoints.name}.{stamp}")
        aside.mkdir()
        for trial in trials:
            trial.replace(aside / trial.name)
    folder.replace(folder.with_name(f"{folder.name}.{stamp}"))


def _claim(folder: Path, experiment: Experiment, data: DataReference) -> None:
    wanted = _identity(experiment, data)
    path = folder / _IDENTITY
    if not path.exists():
        write_atomically(path, json.dumps(wanted, indent=2) + "\n")
        return
    try:
        found = json.loads(path.read_text())
        different = [key for key, value in wanted.items() if found[key] != value]
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{path}: does not describe a study ({error!r}); use --fresh") from error
    if different:
        raise ConfigError(
            f"study {experiment.name} ({folder}) belongs to another {' and another '.join(different)}: "
            "a study never mixes them. --fresh sets it aside and starts anew; "
            "--config name=... starts another beside it"
        )


def _identity(experiment: Experiment, data: DataReference) -> dict[str, Any]:
    """What decides the outcome of a search; the keys are read in an error message."""
    content = experiment.model_dump(mode="json")
    content["searcher"].pop("max_concurrent_trials", None)
    return {
        "schema_version": SCHEMA_VERSION,
        "data commit": f"{data.repo}@{data.commit}",
        "set of hyperparameters": content["hyperparameters"],
        "searcher": content["searcher"],
        "experiment_seed": content["reproducibility"]["experiment_seed"],
    }
