"""Zip archives, such as Kaggle's, and files in folders and zips that are nobody's data."""

import stat
import zipfile
import zlib
from pathlib import Path

from fmnist.errors import DataError
from fmnist.files.atomic import disk_errors
from fmnist.files.paths import check_names, path_in

_MAGIC = b"PK\x03\x04"
_MAX_UNPACKED = 4 << 30
"""Bytes: Fashion-MNIST in Kaggle's form, with both splits and both formats, has 0.2 GB."""

_OTHER_PROGRAMS = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini", "dvc.yaml", "dvc.lock"})
_BACKUPS = ("~", ".bak")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


def is_zip(path: Path) -> bool:
    """Whether the content, not the name, is that of a zip."""
    with path.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def reason_to_leave_out(name: str) -> str | None:
    """The reason why a file in a folder or zip is nobody's data; None where it may be."""
    parts = name.split("/")
    if any(part.startswith(".") for part in parts):
        return "hidden"
    if parts[-1].endswith(_BACKUPS):
        return "a backup"
    if _OTHER_PROGRAMS.intersection(parts) or parts[-1].endswith(".dvc"):
        return "another program's"
    return None


def unzip(archive: Path, folder: Path) -> list[tuple[str, str]]:
    """Unpack a zip's files into an empty folder; gives names and reasons of those that were left out.

    Raises:
        DataError: it is damaged, encrypted or too large, or a name leads out of the folder.
    """
    left_out = []
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            check_names([member.filename for member in members], str(archive), DataError)
            if sum(member.file_size for member in members) > _MAX_UNPACKED:
                raise DataError(f"{archive}: unpacks to more than {_MAX_UNPACKED >> 30} GiB")
            for member in members:
                is_link = stat.S_ISLNK(member.external_attr >> 16)
                if reason := "a link" if is_link else reason_to_leave_out(member.filename):
                    left_out.append((member.filename, reason))
                    continue
                target = path_in(folder, member.filename, str(archive))
                content = opened.read(member)
                with disk_errors(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
    except _BROKEN as error:
        raise DataError(f"{archive}: this zip cannot be opened: {error}") from error
    return left_out
