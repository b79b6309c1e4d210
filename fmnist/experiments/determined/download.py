"""Getting a bundle out of a Determined checkpoint."""

import hashlib
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3
from determined import errors
from determined.common.api import bindings
from determined.common.api._session import Session
from determined.common.experimental.checkpoint._checkpoint import Checkpoint

from fmnist.clients.determined import errors_mapped
from fmnist.core.bundle import METADATA_FILE, ONNX_FILE, Bundle, open_bundle
from fmnist.errors import InputError, IntegrityError, NotFoundError, UnavailableError
from fmnist.experiments.determined.checkpoint import FOLDER

_BROKEN = (
    errors.MultipleDownloadsFailed,
    errors.NoDirectStorageAccess,
    errors.ProxiedDownloadFailed,
    tarfile.TarError,
    urllib3.exceptions.HTTPError,
    zlib.error,
    EOFError,
    OSError,
)


@contextmanager
def opened(
    session: Session, checkpoint: bindings.v1Checkpoint, sha256: str | None = None
) -> Iterator[Bundle]:
    """A checkpoint's bundle in a temporary folder, verified to be the one that was stored.

    ``sha256`` is the bundle's; if not given, the one that the checkpoint's metadata names.

    Raises:
        InputError: the checkpoint holds no bundle.
        NotFoundError: it was deleted.
        IntegrityError: it is not what was stored.
        UnavailableError: it can be reached neither in its storage nor through the master.
    """
    _check_holds_a_bundle(checkpoint)
    with tempfile.TemporaryDirectory(prefix="fmnist-") as folder:
        root = Path(folder) / "checkpoint"
        _download(session, checkpoint, root)
        yield _verified(root / FOLDER, sha256 or checkpoint.metadata.get("bundle_sha256"))


def holds_a_bundle(checkpoint: bindings.v1Checkpoint) -> bool:
    """Whether it is the last checkpoint of a training; those before hold what a training goes on from."""
    return not _missing(checkpoint)


def _download(session: Session, checkpoint: bindings.v1Checkpoint, folder: Path) -> None:
    own = Checkpoint._from_bindings(checkpoint, session)
    try:
        with errors_mapped(session.master):
            own.download(str(folder))
    except _BROKEN as error:
        reason = error.__cause__ or error
        raise UnavailableError(
            f"checkpoint {checkpoint.uuid}: cannot be downloaded, neither from its storage nor through the "
            f"master: {reason}"
        ) from error


def _verified(folder: Path, sha256: str | None) -> Bundle:
    """Raises IntegrityError naming the file that is not the stored one."""
    metadata = folder / METADATA_FILE
    actual = hashlib.sha256(metadata.read_bytes()).hexdigest() if metadata.is_file() else "missing"
    if sha256 not in (None, actual):
        raise IntegrityError(f"{metadata.name}: SHA-256 is {actual}, the checkpoint's was {sha256}")
    try:
        return open_bundle(folder)
    except NotFoundError as error:
        raise IntegrityError(f"{error}; the checkpoint's storage has lost it") from error


def _check_holds_a_bundle(checkpoint: bindings.v1Checkpoint) -> None:
    name = f"checkpoint {checkpoint.uuid}"
    if checkpoint.state.value in ("STATE_DELETED", "STATE_PARTIALLY_DELETED"):
        raise NotFoundError(f"{name}: was deleted at the master, which keeps its record only")
    for file in _missing(checkpoint):
        raise InputError(
            f"{name}: holds no {file}; choose a checkpoint that fmnist wrote with its model, "
            "the last one of a trial"
        )


def _missing(checkpoint: bindings.v1Checkpoint) -> list[str]:
    """What a bundle needs and the checkpoint does not hold."""
    needed = (f"{FOLDER}/{file}" for file in (METADATA_FILE, ONNX_FILE))
    return [file for file in needed if file not in checkpoint.resources]
