"""Checks of file names that come from elsewhere: a remote, a server, an archive, a bundle's metadata.

A name becomes a path only by ``path_in``, so that nothing is written or read outside its folder.
"""

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from fmnist.errors import FmnistError, IntegrityError


def check_name(name: str, where: str, error: type[FmnistError] = IntegrityError) -> None:
    """Check that ``name`` is a relative path of printable characters, without empty parts, ``.`` or ``..``.

    Args:
        name: as given.
        where: origin of the name, for messages.
        error: class to raise.

    Raises:
        IntegrityError: it is not.
    """
    parts = name.split("/")
    if (
        any(part in ("", ".", "..") or not part.isprintable() for part in parts)
        or "\\" in name
        or PureWindowsPath(name).drive
    ):
        raise error(
            f"{where}: file name {name!r}: expected a relative path of printable characters, without empty "
            "parts, '..' or backslashes"
        )


def check_names(names: Iterable[str], where: str, error: type[FmnistError] = IntegrityError) -> None:
    """Check that these can be the names of the files in one folder.

    Raises:
        IntegrityError: one fails ``check_name``, or is also the folder of another.
    """
    known = set(names)
    for name in sorted(known):
        check_name(name, where, error)
        if clash := [str(parent) for parent in PurePosixPath(name).parents if str(parent) in known]:
            raise error(f"{where}: {clash[0]} is a file and cannot also be the folder of {name}")


def path_in(folder: Path, name: str, where: str) -> Path:
    """The path of the file ``name`` in ``folder``, to read or to write.

    Raises:
        IntegrityError: the name fails ``check_name``, or a link leads out of the folder.
    """
    check_name(name, where)
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise IntegrityError(f"{where}: {name} is a link that leads out of {folder}")
    return path


def files_below(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Everything below ``folder`` but folders, sorted; with a kind where it is no regular file."""
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISDIR(mode):
            yield path, None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "a device")


_KINDS = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
