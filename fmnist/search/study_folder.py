"""Folder of a study: its lock, its identity, and the paths within it."""

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fmnist.core.names import folder_name
from fmnist.core.provenance import DataReference
from fmnist.errors import ConfigError, IntegrityError, NotFoundError
from fmnist.experiments import Experiment, nested
from fmnist.files.atomic import write_atomically
from fmnist.files.documents import parse_record, record_text
from fmnist.files.lock import held
from fmnist.settings import Settings

SCHEMA_VERSION = 2
JOURNAL = "journal.log"
_IDENTITY = "study.json"
_STATES = "states"
_ID = "id"
_LABELS = {"data_commit": "data commit", "hyperparameters": "set of hyperparameters"}
"""Fields of a study's identity as messages name them, where that differs; the keys of version 1."""


@dataclass(frozen=True)
class _StudyIdentity:
    """Everything that the outcome of a search depends on: study.json.

    ``hyperparameters`` and ``searcher`` are as in the experiment file.
    """

    data_commit: str
    hyperparameters: dict[str, Any]
    searcher: dict[str, Any]
    experiment_seed: int


@dataclass(frozen=True)
class StudyRecord:
    """A study on disk. ``data`` is its data commit, as repo@commit."""

    name: str
    folder: Path
    experiment: Experiment
    data: str

    @property
    def journal(self) -> Path:
        return self.folder / JOURNAL


def find_study(settings: Settings, name: str | None = None) -> StudyRecord:
    """The study of that name, or the one last written if ``name`` is None.

    Raises:
        NotFoundError: there is no such study; names the existing ones.
        IntegrityError: its study.json cannot be read.
    """
    journals = sorted(settings.studies.glob(f"*/{JOURNAL}"), key=lambda path: path.stat().st_mtime)
    folders = {path.parent.name: path.parent for path in journals}
    wanted = folder_name(name) if name else next(reversed(folders), None)
    if wanted not in folders:
        known = f"there are {', '.join(folders)}" if folders else "fmnist search adaptive.yaml creates one"
        raise NotFoundError(f"{settings.studies}: no study{f' {name}' if name else ''}; {known}")
    return _read(folders[wanted])


def _read(folder: Path) -> StudyRecord:
    identity = _read_identity(folder / _IDENTITY)
    try:
        experiment = Experiment.model_validate(
            {
                "name": folder.name,
                "entrypoint": "kept",
                "hyperparameters": nested(identity.hyperparameters),
                "searcher": identity.searcher,
                "reproducibility": {"experiment_seed": identity.experiment_seed},
            }
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{folder / _IDENTITY}: does not describe a study ({error!r})") from error
    return StudyRecord(folder.name, folder, experiment, identity.data_commit)


def trial_folder(settings: Settings, experiment: str, trial: int) -> Path:
    """Folder of a trial's checkpoint bundle."""
    return settings.checkpoints / folder_name(experiment) / f"trial-{trial}"


def study_id(study: Path) -> str:
    """Unique id of a study, 32 characters; a study that replaces it has another one."""
    file = study / _ID
    if not file.exists():
        write_atomically(file, uuid.uuid4().hex)
    return file.read_text()


def state_folder(study: Path, trial: int) -> Path:
    """Folder of an unfinished trial's states, within its study."""
    return study / _STATES / f"trial-{trial}"


def remove_states(study: Path) -> None:
    """Remove the states of a study's unfinished trials."""
    shutil.rmtree(study / _STATES, ignore_errors=True)


@contextmanager
def study_folder(
    settings: Settings, experiment: Experiment, data: DataReference, *, fresh: bool
) -> Iterator[Path]:
    """Open and lock the study's folder for the block; created if missing.

    Args:
        settings: folders of studies and checkpoints.
        experiment: its name is that of the study.
        data: the study's data commit.
        fresh: set an existing study and its trials' checkpoints aside, under names with the time.

    Raises:
        UnavailableError: another process runs the study.
        ConfigError: the existing study has another configuration or data commit.
        IntegrityError: its study.json cannot be read.
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
    # Checkpoints first: a study without them can be set aside again, but they would be overwritten.
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
        write_atomically(path, record_text(wanted, SCHEMA_VERSION))
        return
    try:
        existing = _read_identity(path)
    except IntegrityError as error:
        raise IntegrityError(f"{error}; use --fresh") from error
    different = [
        _LABELS.get(field.name, field.name)
        for field in fields(_StudyIdentity)
        if getattr(existing, field.name) != getattr(wanted, field.name)
    ]
    if different:
        raise ConfigError(
            f"study {experiment.name} ({folder}) has another {' and another '.join(different)}: "
            "a study never mixes them. --fresh sets it aside and starts over; "
            "--config name=... starts a new one under another name"
        )


def _read_identity(path: Path) -> _StudyIdentity:
    try:
        text = path.read_text()
        content = json.loads(text)
        if content["schema_version"] == 1:
            content |= {name: content.pop(key) for name, key in _LABELS.items()}
            text = json.dumps({**content, "schema_version": SCHEMA_VERSION})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{path}: does not describe a study ({error!r})") from error
    return parse_record(text, _StudyIdentity, str(path), SCHEMA_VERSION)


def _identity(experiment: Experiment, data: DataReference) -> _StudyIdentity:
    content = experiment.model_dump(mode="json")
    content["searcher"].pop("max_concurrent_trials", None)
    return _StudyIdentity(
        data_commit=f"{data.repo}@{data.commit}",
        hyperparameters=content["hyperparameters"],
        searcher=content["searcher"],
        experiment_seed=content["reproducibility"]["experiment_seed"],
    )
