"""Files to put into a data repo."""

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
