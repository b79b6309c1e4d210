"""States of unfinished trainings, from which a killed one resumes after its last epoch.

A state holds all that the next epoch depends on (see ``Trainer``), and the reports of the epochs
so far, because the tracker may not have received the last one. The optimizer's variables are arrays
like the weights.
"""

import base64
import hashlib
import io
import json
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.core.progress import Say
from fmnist.errors import ConfigError, IntegrityError
from fmnist.files.atomic import write_atomically
from fmnist.files.documents import parse_record, record_text
from fmnist.files.lock import held
from fmnist.tracking.base import EpochReport
from fmnist.training.fingerprint import LABELS

SCHEMA_VERSION = 2
_JOB = "job.json"
_KEPT = 2
_MONTH = 30 * 24 * 3600
_DIGEST = 64

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class TrainingState:
    """A training at the end of an epoch.

    Attributes:
        weights: Keras's variables in its order, of any shape and dtype.
        optimizer: the optimizer's variables likewise.
        reports: of the epochs so far, at least one, without those of a parent checkpoint.
    """

    weights: Arrays
    optimizer: Arrays
    reports: tuple[EpochReport, ...]

    @property
    def epoch(self) -> int:
        return self.reports[-1].epoch


@dataclass(frozen=True)
class _Owner:
    """The training that a folder of states belongs to: job.json."""

    id: str
    job: dict[str, str]


class StateFolder:
    """The states of one training. One process at a time may write it.

    The newest two are kept, so that a training can resume if the newest is damaged.
    ``id`` is unique, has 32 characters, and stays the same as long as the folder exists.
    """

    def __init__(self, folder: Path, job: Mapping[str, str]) -> None:
        """Open ``folder``, created if missing, for the training with the fingerprint ``job``.

        Raises:
            ConfigError: it holds the states of another training; names the differences.
            IntegrityError: its job.json cannot be read, or another version of fmnist wrote it.
        """
        self.folder = folder
        path = folder / _JOB
        if not path.exists():
            write_atomically(path, record_text(_Owner(uuid.uuid4().hex, dict(job)), SCHEMA_VERSION))
        try:
            owner = parse_record(path.read_bytes(), _Owner, str(path), SCHEMA_VERSION)
        except IntegrityError as error:
            raise IntegrityError(f"{error}; or remove {folder} to start over") from error
        self.id = owner.id
        different = [LABELS.get(key, key) for key, value in job.items() if owner.job.get(key) != value]
        if different:
            raise ConfigError(
                f"{folder}: the unfinished training in it has another "
                f"{' and another '.join(different)}: resuming would mix them; "
                "remove the folder to start over"
            )

    @property
    def empty(self) -> bool:
        """Whether no epoch has ended yet."""
        return not self._files()

    def newest(self, say: Say) -> TrainingState | None:
        """The newest intact state, None before the end of the first epoch.

        ``say`` receives a line about each damaged state that is skipped.
        """
        for path in reversed(self._files()):
            try:
                return _decoded(path.read_bytes())
            except (OSError, IntegrityError) as error:
                say(f"{path}: {error}; using the previous epoch")
        return None

    def save(self, state: TrainingState) -> None:
        """Write ``state``, atomically.

        Raises:
            UnavailableError: it cannot be written; earlier states stay as they are.
        """
        path = self.folder / f"epoch-{state.epoch:06}.state"
        write_atomically(path, _encoded(state))
        for old in self._files()[:-_KEPT]:
            old.unlink()

    def remove(self) -> None:
        """Remove all states: the training is finished, or will start over."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*.state"))


def recorded_threads(folder: Path) -> int | None:
    """The thread count of the training whose states ``folder`` holds; None if it holds none."""
    path = folder / _JOB
    if not path.is_file():
        return None
    job = json.loads(path.read_text())["job"]
    # Version 1 used the labels of messages as keys.
    return int(job.get("threads") or job[LABELS["threads"]])


class NullStates:
    """Keeps no state: a killed training starts over."""

    def newest(self, say: Say) -> None:
        pass

    def save(self, state: TrainingState) -> None:
        pass


@contextmanager
def unfinished(states: Path, job: Mapping[str, str], *, fresh: bool = False) -> Iterator[StateFolder]:
    """Open and lock the folder within ``states`` of one training, for the block.

    It is removed at the end if it holds no state. Folders that were not used for a month are removed.

    Args:
        states: holds a folder per training.
        job: see ``fingerprint``.
        fresh: remove the states of this training first.

    Raises:
        UnavailableError: another process runs this training.
    """
    name = hashlib.sha256(json.dumps(dict(job), sort_keys=True).encode()).hexdigest()[:16]
    busy = f"process {{process}} runs this training ({states / name}): wait for its end"
    with held(states / f".{name}.lock", busy):
        _remove_old(states)
        if fresh:
            shutil.rmtree(states / name, ignore_errors=True)
        folder = StateFolder(states / name, job)
        try:
            yield folder
        finally:
            if folder.empty:
                folder.remove()


def _remove_old(states: Path) -> None:
    for folder in states.iterdir():
        newest = max((file.stat().st_mtime for file in folder.glob("*")), default=None)
        if newest is not None and time.time() - newest > _MONTH:
            shutil.rmtree(folder, ignore_errors=True)


def _encoded(state: TrainingState) -> bytes:
    reports = [
        asdict(report)
        | {"pictures": {name: base64.b64encode(png).decode() for name, png in report.pictures.items()}}
        for report in state.reports
    ]
    arrays = {f"weights-{number}": value for number, value in enumerate(state.weights)}
    arrays |= {f"optimizer-{number}": value for number, value in enumerate(state.optimizer)}
    arrays["reports"] = np.frombuffer(json.dumps(reports, allow_nan=False).encode(), np.uint8)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    content = stream.getvalue()
    return hashlib.sha256(content).hexdigest().encode() + content


def _decoded(content: bytes) -> TrainingState:
    digest, content = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise IntegrityError("damaged: its SHA-256 differs from the recorded one")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        reports = json.loads(arrays["reports"].tobytes())
        return TrainingState(_numbered(arrays, "weights"), _numbered(arrays, "optimizer"), _reports(reports))


def _numbered(arrays: Mapping[str, NDArray[Any]], kind: str) -> Arrays:
    count = sum(name.startswith(f"{kind}-") for name in arrays)
    return tuple(arrays[f"{kind}-{number}"] for number in range(count))


def _reports(values: list[dict[str, Any]]) -> tuple[EpochReport, ...]:
    return tuple(
        EpochReport(
            **value | {"pictures": {name: base64.b64decode(text) for name, text in value["pictures"].items()}}
        )
        for value in values
    )
