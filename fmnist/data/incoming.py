"""Files that people put into a data repo: gathered from folders and zips, and read as training reads them."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fmnist.core.fashion_mnist import SPLITS, Split
from fmnist.data.archives import is_zip, reason_to_leave_out, unzip
from fmnist.data.formats import data_in, kind_of, read_dataset
from fmnist.data.quality import inspect
from fmnist.data.sources import split_files
from fmnist.errors import InputError
from fmnist.files.paths import check_names, files_below


@dataclass(frozen=True)
class Incoming:
    """Files to commit.

    Attributes:
        files: by the name that they get in the commit.
        notes: what was opened or left out, or holds no images; a line each.
    """

    files: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, path: Path) -> None:
        if name in self.files:
            raise InputError(f"{path} and {self.files[name]} would both be stored as {name}; rename one")
        self.files[name] = path

    def leave_out(self, path: str, reason: str) -> None:
        self.notes.append(f"left out: {path if path.isprintable() else repr(path)} ({reason})")


@contextmanager
def gathered(repo: str, paths: Sequence[Path]) -> Iterator[Incoming]:
    """Yield the files of ``paths`` to commit; unpacked ones are removed after the block.

    Files get their own name, those in folders and zips the name below it. Links, FIFOs, and hidden, backup
    and other programs' files in there are left out. Of a zip that holds both splits, the repo's is taken.

    Raises:
        InputError: two files would get the same name, or nothing is left.
        DataError: a zip is damaged, or what is to be images and labels cannot be read as such.
    """
    incoming = Incoming()
    split = next((split for split in SPLITS if split.repo == repo), None)
    with ExitStack() as stack:
        for path in paths:
            for name, file in _named(path, incoming):
                if not is_zip(file):
                    incoming.add(name, file)
                    continue
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fmnist-")))
                for inside, member in _unzipped(file, folder, split, incoming).items():
                    incoming.add(str(PurePosixPath(name).parent / inside), member)
        if not incoming.files:
            raise InputError("; ".join([f"{repo}: nothing to put", *incoming.notes]))
        check_names(incoming.files, repo, InputError)
        _check(incoming, split)
        yield incoming


def _named(path: Path, incoming: Incoming) -> Iterator[tuple[str, Path]]:
    """Names in the commit and files; a file that the user names is never left out."""
    if path.is_file():
        yield path.name, path
    elif path.is_dir():
        for file, kind in files_below(path):
            name = file.relative_to(path).as_posix()
            if reason := kind or reason_to_leave_out(name):
                incoming.leave_out(str(file), reason)
            else:
                yield name, file
    else:
        raise InputError(f"{path}: is neither a file nor a folder")


def _unzipped(archive: Path, folder: Path, split: Split | None, incoming: Incoming) -> dict[str, Path]:
    """The files of a zip by name; if a split's files are there under their usual names, just these."""
    incoming.notes.append(f"opened: {archive}")
    for name, reason in unzip(archive, folder):
        incoming.leave_out(f"{archive}/{name}", reason)
    files = {path.relative_to(folder).as_posix(): path for path, _ in files_below(folder)}
    chosen = split_files(folder, split) if split else {}
    if not split or not chosen:
        return files
    for name in sorted(files.keys() - chosen.keys()):
        incoming.leave_out(f"{archive}/{name}", f"not the {split.name} data")
    return chosen


def _check(incoming: Incoming, split: Split | None) -> None:
    """Read the images and labels; a repo that is no split's may hold none at all.

    Raises:
        DataError: they cannot be read, or there are none where they are needed.
    """
    contents = {name: path.read_bytes() for name, path in incoming.files.items()}
    kinds = {name: kind_of(content) for name, content in contents.items()}
    data = data_in(contents)
    if data or split or any(kinds.values()):
        inspect(read_dataset(contents))
    for name in sorted(kinds.keys() - data):
        incoming.notes.append(f"no images or labels: {name}" + (f" ({kinds[name]})" if kinds[name] else ""))
