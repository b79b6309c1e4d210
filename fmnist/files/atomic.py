"""Atomic writes of files and folders that survive a power cut, one error for disks, and SHA-256 digests."""

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fmnist.errors import UnavailableError

_CHUNK = 1 << 20

_NO_SPACE = "free some space, then run the same command again"
_NOT_ALLOWED = "check its permissions"
_DISK_ERRORS = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: _NOT_ALLOWED,
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EIO: "check the disk",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "choose another place",
    errno.ENOTDIR: "choose another place",
    errno.EISDIR: "choose another place",
    errno.EEXIST: "choose another place",
    errno.ELOOP: "choose another place",
}
"""What to do, by the number of an ``OSError`` that is about a disk or a path."""


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 digest, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def disk_errors(path: Path | None = None) -> Iterator[None]:
    """Raise UnavailableError where a disk is full, broken or not to be written.

    Args:
        path: the file or folder that the block writes, for the message; None if it may be any.
    """
    try:
        yield
    except OSError as error:
        advice = _DISK_ERRORS.get(error.errno or 0)
        if advice is None:
            raise
        cause = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
        problem = f"{path}: cannot be written: {cause}" if path else cause
        raise UnavailableError(f"{problem}; {advice}") from error


def sync(path: Path) -> None:
    """Let a file's content, or the entries of a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems, such as FUSE's, cannot do so with a folder.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def sync_below(folder: Path) -> None:
    """Let all files and folders in ``folder`` survive a power cut."""
    for current, _, names in os.walk(folder, topdown=False):
        for name in names:
            if not Path(current, name).is_symlink():
                sync(Path(current, name))
        sync(Path(current))


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write to a temporary file, then rename: readers see the old content or the new, never a part of it.

    Raises:
        UnavailableError: the disk is full or cannot be written; the old content is still there.
    """
    data = content.encode() if isinstance(content, str) else content
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
            sync(path.parent)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def folder_written_atomically(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; it replaces ``folder`` only if the block succeeds.

    Raises:
        UnavailableError: the disk is full or cannot be written; the old folder is still there.
    """
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            yield temporary
            temporary.chmod(0o755)
            sync_below(temporary)
            if folder.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
                folder.replace(old / folder.name)
                try:
                    temporary.replace(folder)
                except BaseException:
                    (old / folder.name).replace(folder)
                    raise
                shutil.rmtree(old)
            else:
                temporary.replace(folder)
            sync(folder.parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def remove_leftovers(path: Path) -> None:
    """Remove temporary files of killed writers of ``path``; nobody may be writing it meanwhile."""
    temporary = re.compile(rf"\.{re.escape(path.name)}\.(old\.)?[a-z0-9_]{{8}}")
    for other in path.parent.iterdir() if path.parent.is_dir() else ():
        if temporary.fullmatch(other.name):
            shutil.rmtree(other) if other.is_dir() else other.unlink()
