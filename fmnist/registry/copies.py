"""Copies of bundles that were seen to be equal to their originals."""

import os
import shutil
from pathlib import Path

from fmnist.bundle import METADATA_FILE, Bundle, open_bundle
from fmnist.errors import IntegrityError, NotFoundError
from fmnist.files import folder_written_atomically, sha256_of


def copy_bundle(bundle: Bundle, folder: Path) -> Bundle:
    """Copy the files that the metadata names, and nothing else, to ``folder``; all of them or none.

    Raises:
        IntegrityError: what arrived is not what ``bundle`` names.
    """
    with folder_written_atomically(folder) as beside:
        for name in (*bundle.metadata.files, METADATA_FILE):
            if Path(name).name != name:
                raise IntegrityError(f"{bundle.folder / METADATA_FILE}: {name!r} is not a plain file name")
            _copy(bundle.folder / name, beside / name)
        open_stored(beside, bundle.sha256)
    return open_bundle(folder)


def open_stored(folder: Path, sha256: str) -> Bundle:
    """Open the bundle that was stored in ``folder`` under the sum ``sha256``.

    Raises:
        IntegrityError: it is not there, not whole or another one; the message names the file.
    """
    metadata = folder / METADATA_FILE
    if not metadata.is_file():
        raise IntegrityError(f"{metadata}: was stored, but is gone; register the checkpoint again")
    actual = sha256_of(metadata)
    if actual != sha256:
        raise IntegrityError(f"{metadata}: SHA-256 is {actual}, what was registered has {sha256}")
    try:
        return open_bundle(folder)
    except NotFoundError as error:
        raise IntegrityError(f"{error}; register the checkpoint again") from error


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as stream:
        os.fsync(stream.fileno())
