"""Files of a Pachyderm commit with their SHA-256, also of commits made without fmnist.

fmnist writes the digests into the commit. A commit made by hand has none, or those of an earlier commit:
then the files are read once, and their digests are cached on this machine by pachd's own hashes.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fmnist.data.base import StoredFile
from fmnist.data.pachyderm import digests
from fmnist.data.pachyderm.digests import Digests
from fmnist.data.pachyderm.files import Entry, Files
from fmnist.data.pachyderm.revisions import Revision
from fmnist.files.atomic import write_atomically

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Contents:
    """The files of a commit, sorted by name, without SHA256SUMS; ``message`` if fmnist put them."""

    message: str | None
    files: tuple[StoredFile, ...]


class ContentsReader:
    """Reads what commits hold; caches digests that it had to compute below ``cache``."""

    def __init__(self, files: Files, cache: Path) -> None:
        self._files = files
        self._cache = cache
        self._entries: dict[tuple[str, str], dict[str, Entry]] = {}

    def of(self, revision: Revision, ancestors: Iterable[Revision]) -> Contents:
        """What a finished commit holds; ``ancestors``, newest first, are asked for if need be."""
        entries = self._entries_of(revision)
        claimed = self._claimed(revision, ancestors)
        files = [
            StoredFile(
                entry.name, entry.size, claimed.by_name.get(entry.name) or self._digest_of(revision, entry)
            )
            for entry in entries.values()
            if entry.name != digests.NAME
        ]
        return Contents(claimed.message, tuple(files))

    def _claimed(self, revision: Revision, ancestors: Iterable[Revision]) -> Digests:
        """What the commit's SHA256SUMS says, unless it was made for another commit's files."""
        entries = self._entries_of(revision)
        if digests.NAME not in entries:
            return Digests()
        for ancestor in ancestors:
            before = self._entries_of(ancestor)
            if before == entries:
                continue
            if before.get(digests.NAME) == entries[digests.NAME]:
                return Digests()
            break
        return digests.read(self._read(revision, entries[digests.NAME]))

    def _entries_of(self, revision: Revision) -> dict[str, Entry]:
        key = revision.repo, revision.id
        if key not in self._entries:
            self._entries[key] = self._files.entries(*key)
        return self._entries[key]

    def _digest_of(self, revision: Revision, entry: Entry) -> str:
        known = self._cache / f"{entry.hash}.sha256"
        if entry.hash and known.is_file() and _SHA256.fullmatch(digest := known.read_text().strip()):
            return digest
        sha256 = hashlib.sha256(self._read(revision, entry)).hexdigest()
        if entry.hash:
            write_atomically(known, f"{sha256}\n")
        return sha256

    def _read(self, revision: Revision, entry: Entry) -> bytes:
        return self._files.read(revision.repo, revision.id, entry.name, entry.size)
