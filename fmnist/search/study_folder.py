"""Where a study is kept, who may work on it, and what it belongs to."""

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fmnist.core.names import folder_name
from fmnist.core.provenance import DataReference
from fmnist.errors import ConfigError, IntegrityError, NotFoundError
from fmnist.experiments import Experiment, nested
from fmnist.files.atomic import write_atomically
from fmnist.files.lock import held
from fmnist.settings import Settings

SCHEMA_VERSION = 1
JOURNAL = "journal.log"
_IDENTITY = "study.json"
_STATES = "states"
_ID = "id"


@dataclass(frozen=True)
class StudyRecord:
    """A study on disk. ``data`` is the commit that it belongs to, as repo@commit."""

    name: str
    folder: Path
    experiment: Experiment
    data: str

    @property
    def journal(self) -> Path:
        return self.folder / JOURNAL


def find_study(settings: Settings, name: str | None = None) -> StudyRecord:
    """The study of that name, the one last worked on if none is given.

    Raises:
        NotFoundError: there is none; names those that there are.
        IntegrityError: what stands there cannot be read as a study.
    """
    journals = sorted(settings.studies.glob(f"*/{JOURNAL}"), key=lambda path: path.stat().st_mtime)
    folders = {path.parent.name: path.parent for path in journals}
    wanted = folder_name(name) if name else next(reversed(folders), None)
    if wanted not in folders:
        known = f"there are {', '.join(folders)}" if folders else "fmnist search adaptive.yaml makes one"
        raise NotFoundError(f"{settings.studies}: no study{f' {name}' if name else ''}; {known}")
    return _read(folders[wanted])


def _read(folder: Path) -> StudyRecord:
    path = folder / _IDENTITY
    try:
        content = json.loads(path.read_text())
        experiment = Experiment.model_validate(
            {
                "name": folder.name,
                "entrypoint": "kept",
                "hyperparameters": nested(content["set of hyperparameters"]),
                "searcher": content["searcher"],
                "reproducibility": {"experiment_seed": content["experiment_seed"]},
            }
        )
        return StudyRecord(folder.name, folder, experiment, content["data commit"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path}: does not describe a study ({error!r})") from error


def trial_folder(settings: Settings, experiment: str, trial: int) -> Path:
    """Where the checkpoint bundle of a trial goes."""
    return settings.checkpoints / folder_name(experiment) / f"trial-{trial}"


def study_id(study: Path) -> str:
    """A name that no other search has, also none that takes this one's place: 32 characters."""
    file = study / _ID
    if not file.exists():
        write_atomically(file, uuid.uuid4().hex)
    return file.read_text()


def state_folder(study: Path, trial: int) -> Path:
    """Where an unfinished trial's states are kept, within its study."""
    return study / _STATES / f"trial-{trial}"


def remove_states(study: Path) -> None:
    """Forget what is kept of a study's unfinished trials."""
    shutil.rmtree(study / _STATES, ignore_errors=True)


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
