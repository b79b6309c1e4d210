"""Getting a bundle out of a Determined checkpoint."""

import hashlib
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
from determined import errors
from determined.common import storage
from determined.common.api import bindings
from determined.common.api._session import Session
from determined.common.experimental.checkpoint._checkpoint import Checkpoint

from fmnist.clients.determined import errors_mapped
from fmnist.core.bundle import METADATA_FILE, ONNX_FILE, Bundle, open_bundle
from fmnist.errors import InputError, IntegrityError, NotFoundError, UnavailableError
from fmnist.experiments.determined.checkpoint import FOLDER
from fmnist.files.paths import check_name

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
        IntegrityError: it is not what was stored, or names a file outside of its folder.
        UnavailableError: it can be reached neither in its storage nor through the master.
    """
    _check_holds_a_bundle(checkpoint)
    with tempfile.TemporaryDirectory(prefix="fmnist-") as folder:
        root = Path(folder) / "checkpoint"
        _download(session, checkpoint, root)
        yield _verified(root / FOLDER, sha256 or checkpoint.metadata.get("bundle_sha256"))


def holds_a_bundle(checkpoint: bindings.v1Checkpoint) -> bool:
    """Whether it is the last checkpoint of a training; earlier ones hold states to resume from."""
    return not _missing(checkpoint)


class _Checkpoint(Checkpoint):
    """Determined's download, which checks the names that a bucket or a tar archive holds."""

    def _download_direct(self, checkpoint_storage: dict[str, Any], local_ckpt_dir: Path) -> None:
        if checkpoint_storage["type"] in ("shared_fs", "directory"):
            super()._download_direct(checkpoint_storage, local_ckpt_dir)
            return
        local_ckpt_dir.mkdir(parents=True, exist_ok=True)
        storage.build(checkpoint_storage, container_path=None).download(
            self.uuid, str(local_ckpt_dir), selector=checked(self.uuid)
        )

    @staticmethod
    def _download_via_master(sess: Session, uuid: str, local_ckpt_dir: Path) -> None:
        local_ckpt_dir.mkdir(parents=True, exist_ok=True)
        response = sess.get(f"/checkpoints/{uuid}", headers={"Accept": "application/gzip"}, stream=True)
        if not response.ok:
            raise errors.ProxiedDownloadFailed(f"{response.status_code} {response.reason}")
        with tarfile.open(fileobj=response.raw) as archive:
            # The filter refuses absolute paths, '..', links that lead out, and devices.
            archive.extractall(local_ckpt_dir, filter="data")


def checked(uuid: str) -> Callable[[str], bool]:
    """A selector of all files of a checkpoint's storage, which raises IntegrityError for a wrong name."""

    def select(name: str) -> bool:
        check_name(name.removesuffix("/"), f"checkpoint {uuid}")
        return True

    return select


def _download(session: Session, checkpoint: bindings.v1Checkpoint, folder: Path) -> None:
    own = _Checkpoint._from_bindings(checkpoint, session)
    try:
        with errors_mapped(session.master):
            own.download(str(folder))
    except _BROKEN as error:
        reason = error.__cause__ or error
        if isinstance(reason, tarfile.FilterError):
            raise IntegrityError(f"checkpoint {checkpoint.uuid}: {reason}") from error
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
    """Files of a bundle that the checkpoint lacks."""
    needed = (f"{FOLDER}/{file}" for file in (METADATA_FILE, ONNX_FILE))
    return [file for file in needed if file not in checkpoint.resources]
