"""Between folders and data commits."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fmnist.data.base import Commit, DataStore
from fmnist.data.formats import holds_data, read_dataset
from fmnist.data.quality import inspect
from fmnist.errors import InputError
from fmnist.files.atomic import folder_written_atomically
from fmnist.files.paths import path_in


def files_under(paths: Sequence[Path]) -> dict[str, Path]:
    """The files by the name they get in a commit: a file its own, a folder's below the folder.

    Raises:
        InputError: two files would get the same name.
    """
    files: dict[str, Path] = {}
    for path in paths:
        for name, file in _named(path):
            if name in files:
                raise InputError(f"{file} and {files[name]} would both be stored as {name}; rename one")
            files[name] = file
    return files


def refuse_broken_data(files: Mapping[str, Path]) -> None:
    """Raises DataError if the files are meant to be images and labels and cannot be read as such."""
    read = {name: path.read_bytes() for name, path in files.items()}
    if holds_data(read):
        inspect(read_dataset(read))


def checkout(store: DataStore, commit: Commit, folder: Path) -> None:
    """Write all files of a commit into ``folder``, which must be new or empty; all or none.

    Raises:
        InputError: the folder holds something.
        IntegrityError: a file's bytes are not the recorded ones.
    """
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise InputError(f"{folder} is not empty; name a new folder")
    with folder_written_atomically(folder.absolute()) as beside:
        for file in commit.files:
            target = path_in(beside, file.name, f"{commit.repo}@{commit.id}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(store.read(commit, file.name))


def _named(path: Path) -> list[tuple[str, Path]]:
    if path.is_dir():
        return [
            (file.relative_to(path).as_posix(), file) for file in sorted(path.rglob("*")) if file.is_file()
        ]
    return [(path.name, path)]
