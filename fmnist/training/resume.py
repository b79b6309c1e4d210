"""What is kept of a training that is not finished: a killed one goes on from its last epoch.

A state holds all that the next epoch depends on (see ``Fitting``), and the reports of the epochs
so far, because the tracker may not have heard of the last one. It knows nothing of optimizers:
their variables are arrays like the weights.
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
from fmnist.errors import ConfigError, IntegrityError, UnavailableError
from fmnist.files.atomic import write_atomically
from fmnist.files.lock import held
from fmnist.tracking.base import EpochReport

SCHEMA_VERSION = 1
_JOB = "job.json"
_KEPT = 2
_MONTH = 30 * 24 * 3600
_DIGEST = 64

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class State:
    """A training at an epoch's end.

    ``weights`` and ``optimizer`` are Keras's variables in its own order, of any shape and dtype;
    ``reports`` are of the epochs so far, at least one; those of a parent checkpoint do not count.
    """

    weights: Arrays
    optimizer: Arrays
    reports: tuple[EpochReport, ...]

    @property
    def epoch(self) -> int:
        return self.reports[-1].epoch


class StateFolder:
    """The states of one training. One process at a time may write it.

    The newest two are kept, so that there is one to go on from if the newest turns out damaged.
    ``id`` is the training's own, of 32 characters, and the same as long as the folder is there.
    """

    def __init__(self, folder: Path, job: Mapping[str, str]) -> None:
        """Open ``folder``, made when missing, for the training that ``job`` identifies.

        Raises:
            ConfigError: it holds the states of another training; says what differs.
            IntegrityError: it does not say whose states it holds.
        """
        self.folder = folder
        path = folder / _JOB
        if not path.exists():
            content = {"schema_version": SCHEMA_VERSION, "id": uuid.uuid4().hex, "job": dict(job)}
            write_atomically(path, json.dumps(content, indent=2) + "\n")
        try:
            found = json.loads(path.read_text())
            self.id: str = found["id"]
            different = [key for key, value in job.items() if found["job"].get(key) != value]
            if found["schema_version"] != SCHEMA_VERSION:
                different.append("version of fmnist")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(
                f"{path}: does not describe a training ({error!r}); remove {folder}"
            ) from error
        if different:
            raise ConfigError(
                f"{folder}: the unfinished training kept there is of another "
                f"{' and another '.join(different)}: going on would mix them; "
                "remove the folder to begin anew"
            )

    @property
    def empty(self) -> bool:
        """Whether no epoch has ended yet."""
        return not self._files()

    def newest(self, say: Say) -> State | None:
        """The newest state that is whole, None before the end of the first epoch.

        ``say`` is told of each state that is passed over because it is damaged.
        """
        for path in reversed(self._files()):
            try:
                return _decoded(path.read_bytes())
            except (OSError, IntegrityError) as error:
                say(f"{path}: {error}; taking the epoch before")
        return None

    def save(self, state: State) -> None:
        """Keep ``state``; whole or not at all.

        Raises:
            UnavailableError: it cannot be written; the states before are as they were.
        """
        path = self.folder / f"epoch-{state.epoch:06}.state"
        try:
            write_atomically(path, _encoded(state))
        except OSError as error:
            raise UnavailableError(
                f"{path}: the state after epoch {state.epoch} cannot be written ({error.strerror}); "
                "what was kept before is whole: make room, then run the same command again"
            ) from error
        for old in self._files()[:-_KEPT]:
            old.unlink()

    def remove(self) -> None:
        """Forget the training: it is finished, or is to begin anew."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*.state"))


class Forgetful:
    """Keeps nothing: a killed training begins anew."""

    def newest(self, say: Say) -> None:
        pass

    def save(self, state: State) -> None:
        pass


@contextmanager
def unfinished(states: Path, job: Mapping[str, str], *, fresh: bool = False) -> Iterator[StateFolder]:
    """The folder within ``states`` of the training that ``job`` identifies, held for the block.

    It stays behind if there is a state to go on from, unless the block removes it. Folders of
    trainings that nobody took up again for a month are removed.

    Args:
        states: holds a folder per training.
        job: see ``identity``.
        fresh: forget what is kept of this training first.

    Raises:
        UnavailableError: another process is at this training.
    """
    name = hashlib.sha256(json.dumps(dict(job), sort_keys=True).encode()).hexdigest()[:16]
    busy = f"process {{process}} is at this very training ({states / name}): wait for its end"
    with held(states / f".{name}.lock", busy):
        _forget_old(states)
        if fresh:
            shutil.rmtree(states / name, ignore_errors=True)
        folder = StateFolder(states / name, job)
        try:
            yield folder
        finally:
            if folder.empty:
                folder.remove()


def _forget_old(states: Path) -> None:
    for folder in states.iterdir():
        newest = max((file.stat().st_mtime for file in folder.glob("*")), default=None)
        if newest is not None and time.time() - newest > _MONTH:
            shutil.rmtree(folder, ignore_errors=True)


def _encoded(state: State) -> bytes:
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


def _decoded(content: bytes) -> State:
    digest, content = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise IntegrityError("damaged: its SHA-256 is not the one recorded in it")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        reports = json.loads(arrays["reports"].tobytes())
        return State(_numbered(arrays, "weights"), _numbered(arrays, "optimizer"), _reports(reports))


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
