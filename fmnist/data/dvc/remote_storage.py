"""Storage behind a DVC remote: a folder, or what DVC's plugins add (S3, …)."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from fmnist.errors import ConfigError, UnavailableError
from fmnist.files.atomic import sync
from fmnist.files.lock import only_writer

_NAME = "fmnist"
_LOCK_SECONDS = 120.0


class RemoteStorage:
    """Files below ``address``; a file appears whole or not at all."""

    def __init__(self, fs: Any, base: str) -> None:
        self._fs = fs
        self._base = base
        self.address: str = fs.unstrip_protocol(base)

    def describe(self, name: str) -> str:
        return f"{self.address}/{name}"

    def size(self, name: str) -> int | None:
        """The file's size in bytes, None if there is none."""
        with self._errors():
            try:
                size: int = self._fs.info(self._path(name))["size"]
            except FileNotFoundError:
                return None
            return size

    def read(self, name: str) -> bytes | None:
        """The file's bytes, None if there is none."""
        with self._errors():
            try:
                with self._fs.open(self._path(name), "rb") as stream:
                    content: bytes = stream.read()
            except FileNotFoundError:
                return None
            return content

    def write(self, name: str, source: Path) -> None:
        with self._errors():
            self._fs.put_file(str(source), self._path(name))
            if self._fs.protocol == "local":
                sync(Path(self._path(name)))
                sync(Path(self._path(name)).parent)

    def only_writer(self, repo: str) -> AbstractContextManager[None]:
        """One writer of a repo at a time, where the storage is a folder; elsewhere it is a promise."""
        if self._fs.protocol != "local":
            return nullcontext()
        return only_writer(Path(self._base) / f".{repo}.lock", _LOCK_SECONDS, f"{repo} in {self.address}")

    def _path(self, name: str) -> str:
        path: str = self._fs.join(self._base, *name.split("/"))
        return path

    @contextmanager
    def _errors(self) -> Iterator[None]:
        # Each storage's client raises errors of its own.
        try:
            yield
        except Exception as error:
            raise UnavailableError(f"remote {self.address}: {error or type(error).__name__}") from error


def open_remote(remote: str | None, dvc_folder: Path) -> RemoteStorage:
    """A folder, a URL, or the name of a remote in DVC's configuration; None is the default one there.

    Raises:
        ConfigError: there is no default remote, the URL is broken, or DVC lacks the plugin for it.
    """
    from dvc.config import Config
    from dvc.exceptions import DvcException
    from dvc.fs import get_cloud_fs

    try:
        known: dict[str, Any] = Config(str(dvc_folder), str(dvc_folder))
        name = remote or known["core"].get("remote")
        if not name:
            raise ConfigError(
                "no remote to use: give --remote FOLDER, or set one: dvc remote add --local -d NAME FOLDER"
            )
        if name not in known["remote"]:
            url = name if "://" in name else str(Path(name).expanduser().absolute())
            if "://" in name and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", name):
                raise ValueError("a URL begins with its kind, as in s3://bucket/folder")
            known, name = {"remote": {_NAME: {"url": url}}}, _NAME
        cls, config, base = get_cloud_fs(known, name=name)
        return RemoteStorage(cls(**config), base)
    except (DvcException, ImportError, ValueError, RuntimeError) as error:
        raise ConfigError(f"remote {remote or 'of DVC'}: {error}") from error
