"""Versioned data: a commit, and the ports to stores and remotes of commits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from fmnist.core.fashion_mnist import SPLITS
from fmnist.core.provenance import DataReference
from fmnist.errors import NotFoundError

BRANCH = "master"
"""The branch of every data repo; its head is the newest commit."""

SYNTHETIC_MARKER = "SYNTHETIC"
"""A file of this name in a commit says that its images are synthetic, not photographs."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a commit: its name, its size in bytes, its SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Commit:
    """One version of one data repo.

        >>> from datetime import UTC, datetime
        >>> from fmnist import Commit
        >>> Commit("shoes", "1f" * 20, None, datetime(2026, 1, 1, tzinfo=UTC), "first", ()).origin
        'custom'

    Attributes:
        files: sorted by name.
    """

    repo: str
    id: str
    parent: str | None
    created: datetime
    message: str
    files: tuple[StoredFile, ...]

    @property
    def origin(self) -> str:
        """``official`` if the files are the published ones, ``synthetic`` if generated, else ``custom``."""
        if any(file.name == SYNTHETIC_MARKER for file in self.files):
            return "synthetic"
        digests = {file.sha256 for file in self.files}
        return "official" if any(split.is_official(digests) for split in SPLITS) else "custom"

    def reference(self) -> DataReference:
        """The reference that checkpoints and verdicts record."""
        digests = {file.name: file.sha256 for file in self.files}
        return DataReference(self.repo, self.id, self.origin, digests)


MIN_ID_LENGTH = 6
"""A commit may be named by so many of its id's first digits, or more."""


def full_id(repo: str, beginning: str, ids: Iterable[str]) -> str:
    """The one of ``ids``, commits of ``repo``, that begins so.

    Raises:
        NotFoundError: none does, or several do.
    """
    matches = sorted({commit for commit in ids if commit.startswith(beginning)})
    if len(matches) == 1:
        return matches[0]
    which = f" ({', '.join(matches)}); give more digits" if matches else f"; see fmnist data log {repo}"
    raise NotFoundError(f"{repo}: {len(matches) or 'no'} commits begin with {beginning}{which}")


class DataStore(Protocol):
    """Versioned folders of files, called repos; each version is a commit.

    A commit never changes. ``put`` is atomic (killed half-way, no reader sees any of it) and
    idempotent (the same names and bytes as the head make no new commit: the head is returned).
    """

    def put(self, repo: str, files: Mapping[str, Path], message: str) -> Commit:
        """Make these files the repo's whole new content; the repo is created when missing."""
        ...

    def get(self, repo: str, ref: str = BRANCH) -> Commit:
        """The commit that a branch's name, a commit's id, or the first six or more digits of one name.

        Raises:
            NotFoundError: no such repo, branch or commit, or several commits begin so.
        """
        ...

    def log(self, repo: str) -> list[Commit]:
        """The commits of ``master``, newest first.

        Raises:
            NotFoundError: no such repo.
        """
        ...

    def read(self, commit: Commit, name: str) -> bytes:
        """One file's bytes, checked against the commit's size and SHA-256.

        Raises:
            NotFoundError: the commit holds no such file.
            IntegrityError: the bytes differ from what the commit recorded.
        """
        ...


@dataclass(frozen=True)
class Transfer:
    """Result of a push or pull.

    Attributes:
        repo: the data repo.
        head: newest commit id at the receiving end afterwards.
        commits: number of commits that are new there.
        files: number of files copied.
    """

    repo: str
    head: str
    commits: int
    files: int


class DataRemote(Protocol):
    """Storage of data repos for several machines: the same commits, under the same ids.

    Both commands are atomic (killed half-way, no reader sees any of it), idempotent, and put in place
    what is missing of the commits that both ends know. One repo is pushed by one machine at a time.
    """

    def push(self, repo: str) -> Transfer:
        """Send the commits that the remote lacks.

        Raises:
            NotFoundError: no such repo here.
            InputError: both ends have commits that the other lacks.
            UnavailableError: the remote cannot be reached or written.
        """
        ...

    def pull(self, repo: str) -> Transfer:
        """Fetch the commits that are missing here; the repo is created when missing.

        Raises:
            NotFoundError: no such repo at the remote.
            InputError: both ends have commits that the other lacks.
            IntegrityError: what the remote holds is damaged; nothing changed here.
            UnavailableError: the remote cannot be reached.
        """
        ...
