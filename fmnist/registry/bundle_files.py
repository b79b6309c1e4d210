"""Verified copies of bundles."""

import shutil
from pathlib import Path

from fmnist.core.bundle import METADATA_FILE, Bundle, open_bundle
from fmnist.errors import InputError, IntegrityError, NotFoundError
from fmnist.files.atomic import folder_written_atomically, sha256_of
from fmnist.files.paths import path_in


def copy_bundle(bundle: Bundle, folder: Path) -> Bundle:
    """Copy the files that the metadata names, and nothing else, to ``folder``; all of them or none.

    Another bundle in ``folder`` is replaced.

    Raises:
        InputError: ``folder`` holds other files, which would be lost.
        IntegrityError: the copy's digests differ from those that ``bundle`` names.
    """
    names = (*bundle.metadata.files, METADATA_FILE)
    _check_replaceable(folder, names)
    with folder_written_atomically(folder) as beside:
        for name in names:
            target = path_in(beside, name, str(bundle.folder / METADATA_FILE))
            shutil.copyfile(bundle.folder / name, target)
        open_stored(beside, bundle.sha256)
    return open_bundle(folder)


def open_stored(folder: Path, sha256: str) -> Bundle:
    """Open the bundle that was stored in ``folder`` under the digest ``sha256``.

    Raises:
        IntegrityError: it is not there, not whole or another one; the message names the file.
    """
    metadata = folder / METADATA_FILE
    if not metadata.is_file():
        raise IntegrityError(f"{metadata}: was stored, but is missing; register the checkpoint again")
    actual = sha256_of(metadata)
    if actual != sha256:
        raise IntegrityError(f"{metadata}: SHA-256 is {actual}, what was registered has {sha256}")
    try:
        return open_bundle(folder)
    except NotFoundError as error:
        raise IntegrityError(f"{error}; register the checkpoint again") from error


def _check_replaceable(folder: Path, names: tuple[str, ...]) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder to put the bundle in")
    others = (
        sorted(path.name for path in folder.iterdir() if path.name not in names) if folder.exists() else []
    )
    if others:
        raise InputError(f"{folder}: holds {others[0]}, which is no part of a bundle; name a new folder")
