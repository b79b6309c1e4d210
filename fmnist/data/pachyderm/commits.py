"""Commits of a Pachyderm repo with their files' SHA-256, also of commits made without fmnist.

fmnist writes the digests into the commit. A commit made by hand has none, or those of an earlier commit:
then the files are read once, and their digests are cached on this machine by pachd's own hashes.
"""

import hashlib
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from fmnist.data.base import Commit, StoredFile
from fmnist.data.pachyderm import digests
from fmnist.data.pachyderm.digests import Digests
from fmnist.data.pachyderm.files import Entry, Files
from fmnist.data.pachyderm.revisions import Revision
from fmnist.files.atomic import write_atomically

_SHA256 = re.compile("[0-9a-f]{64}")

Entries = dict[str, Entry]


class CommitReader:
    """Reads what revisions hold, each once; caches digests that it had to compute below ``cache``."""

    def __init__(self, files: Files, cache: Path) -> None:
        self._files = files
        self._cache = cache
        self._entries: dict[Revision, Entries] = {}
        self._commits: dict[Revision, Commit] = {}

    def commit(self, revision: Revision, ancestors: Iterable[Revision]) -> Commit:
        """A finished revision as a commit; its sound ancestors, newest first, are asked for if need be."""
        if revision not in self._commits:
            self._commits[revision] = self._read_commit(revision, ancestors)
        return self._commits[revision]

    def _read_commit(self, revision: Revision, ancestors: Iterable[Revision]) -> Commit:
        before = iter(ancestors)
        parent = next(before, None)
        claimed = self._claimed(revision, chain([parent] if parent else [], before))
        return Commit(
            repo=revision.repo,
            id=revision.id,
            parent=parent.id if parent else None,
            created=revision.started,
            message=revision.description or claimed.message or "",
            files=tuple(
                StoredFile(name, entry.size, claimed.by_name.get(name) or self._digest_of(revision, entry))
                for name, entry in self._entries_of(revision).items()
                if name != digests.NAME
            ),
        )

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

    def _entries_of(self, revision: Revision) -> Entries:
        if revision not in self._entries:
            self._entries[revision] = self._files.entries(revision.repo, revision.id)
        return self._entries[revision]

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
