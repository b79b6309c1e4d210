"""Files of commits, to pachd and back: in pieces, whole or not at all, resumed where a link was cut."""

import hashlib
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fmnist.clients.pachyderm.connection import Connection
from fmnist.data.base import BRANCH, StoredFile
from fmnist.data.pachyderm.digests import NAME as SUMS
from fmnist.data.pachyderm.revisions import commit_handle
from fmnist.errors import InputError, NotFoundError, TimedOut, UnavailableError
from fmnist.files.paths import check_names

_MESSAGE_BYTES = 1 << 20
_TRIES = 4
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Entry:
    """A file of a commit; ``hash`` is pachd's own: the same hash, the same bytes."""

    name: str
    size: int
    hash: str


class Files:
    """Reads and writes files over a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def entries(self, repo: str, commit: str) -> dict[str, Entry]:
        """All files of a commit by name, sorted.

        Raises:
            IntegrityError: a name would lead out of a folder that the commit is written to.
        """
        from fmnist.clients.pachyderm.messages import pfs_proto

        with self._connection.errors(f"{repo}@{commit}"):
            infos = [
                info
                for info in self._connection.client.walk_file(commit_handle(repo, commit), "/")
                if info.file_type == pfs_proto.FileType.FILE
            ]
        found = [Entry(info.file.path.removeprefix("/"), info.size_bytes, info.hash.hex()) for info in infos]
        check_names([entry.name for entry in found], f"{repo}@{commit}")
        return {entry.name: entry for entry in sorted(found, key=lambda entry: entry.name)}

    def read(self, repo: str, commit: str, name: str, size: int) -> bytes:
        """The file's bytes; after a cut link the rest is fetched.

        python-pachyderm ends a read that was cut as if the file ended there, and a byte early.

        Raises:
            NotFoundError: no such file.
            UnavailableError: the link was cut again and again.
            TimedOut: pachd hangs, or the file is not here before the deadline.
        """
        content = bytearray()
        deadline = time.monotonic() + self._connection.deadlines.transfer
        tries = 0
        while len(content) < size:
            try:
                got = self._rest(repo, commit, name, len(content))
            except UnavailableError:
                if tries == _TRIES:
                    raise
                got = b""
            content += got
            tries = 0 if got else tries + 1
            if len(content) < size:
                self._pause(f"{repo}@{commit}: {name}: {len(content)} of {size} bytes", tries, deadline)
        return bytes(content)

    def _rest(self, repo: str, commit: str, name: str, offset: int) -> bytes:
        with (
            self._connection.errors(f"{repo}@{commit}: {name}"),
            self._connection.client.get_file(
                commit_handle(repo, commit), f"/{name}", offset=offset
            ) as stream,
        ):
            content: bytes = stream.read()
            return content

    def _pause(self, where: str, tries: int, deadline: float) -> None:
        if tries > _TRIES:
            raise UnavailableError(
                f"{where}, then the link to {self._connection.pachd.url} was cut each time"
            )
        if time.monotonic() > deadline:
            raise TimedOut(f"{where} in {self._connection.deadlines.transfer:.0f} s")
        time.sleep(tries * _PAUSE_SECONDS)

    def write(
        self, repo: str, files: Mapping[str, Path], stored: tuple[StoredFile, ...], sums: bytes
    ) -> None:
        """Make these files, and a SHA256SUMS of these bytes, the branch's whole content, in one commit.

        Raises:
            NotFoundError: a file does not exist.
            InputError: a file changed since ``stored`` was made of it; nothing was committed.
            UnavailableError: the link was cut; nothing was committed.
        """
        with ExitStack() as stack:
            sources = [_UploadStream(file, stack.enter_context(_opened(files[file.name]))) for file in stored]
            try:
                with (
                    self._connection.errors(f"putting into {repo}"),
                    self._connection.client.modify_file_client((repo, BRANCH)) as changes,
                ):
                    changes.delete_file("/")
                    for source in sources:
                        changes.put_file_from_fileobj(f"/{source.stored.name}", source)
                    changes.put_file_from_bytes(f"/{SUMS}", sums)
            except UnavailableError as error:
                changed = ", ".join(source.stored.name for source in sources if source.changed)
                if changed:
                    raise InputError(f"{repo}: changed while being put: {changed}; put again") from error
                raise


class _UploadStream:
    """An open file for python-pachyderm to read, which asks for more than some servers take at once."""

    def __init__(self, stored: StoredFile, stream: BinaryIO) -> None:
        self.stored = stored
        self.changed = False
        self._stream = stream
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self._stream.read(min(size, _MESSAGE_BYTES))
        self._digest.update(content)
        if not content and self._digest.hexdigest() != self.stored.sha256:
            # An error here ends the call before anything is committed.
            self.changed = True
            raise InputError(f"{self.stored.name}: changed while being put")
        return content


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise NotFoundError(f"{path}: cannot be read: {error.strerror}") from error
