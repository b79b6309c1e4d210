"""Files to put into a data repo, and a disk that is full."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Files:
    """Writes files below a folder, and gives their paths by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def __call__(self, **contents: bytes) -> dict[str, Path]:
        paths = {}
        for name, content in contents.items():
            paths[name] = self.folder / name
            paths[name].write_bytes(content)
        return paths


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses to write on, in the middle of a file, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
