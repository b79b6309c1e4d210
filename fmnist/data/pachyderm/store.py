"""The cluster's data store: each data repo is a Pachyderm repo of the same name, branch master.

A put is one commit by one ModifyFile call: it replaces all files, and adds SHA256SUMS. Commits that are
open or ended with an error are never read; commits that others made by hand are read like our own.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from fmnist.clients.pachyderm.connection import Connection
from fmnist.core.names import check_files, check_repo
from fmnist.data.base import BRANCH, MIN_ID_LENGTH, Commit, StoredFile, full_id
from fmnist.data.commits import check_content, is_readable, stored_file, stored_files
from fmnist.data.pachyderm import digests
from fmnist.data.pachyderm.commits import CommitReader
from fmnist.data.pachyderm.files import Files
from fmnist.data.pachyderm.revisions import Revision, Revisions
from fmnist.errors import DataError, InputError, NotFoundError, UnavailableError

_COMMIT = re.compile("[0-9a-f]{32}")
_BEGINNING = re.compile(f"[0-9a-f]{{{MIN_ID_LENGTH},31}}")
_BRANCH = re.compile("[A-Za-z0-9_][A-Za-z0-9_-]*")
# What pachd takes, src/internal/storage/paths.go: no character that has a meaning in a glob pattern.
_FILE = re.compile(r"[ -~]+")
_GLOB = re.compile(r"[*?[\]{}!()@+^]")


class PachydermStore:
    """A ``DataStore`` on a Pachyderm server; ``cache`` is a folder for digests that no commit records."""

    def __init__(self, connection: Connection, cache: Path) -> None:
        self._connection = connection
        self._revisions = Revisions(connection)
        self._files = Files(connection)
        self._reader = CommitReader(self._files, cache)

    def put(self, repo: str, files: Mapping[str, Path], message: str) -> Commit:
        """Make these files the repo's whole new content; the repo is created when missing.

        Raises:
            InputError: the repo's or a file's name cannot be used, or there are no files.
            NotFoundError: a file to put does not exist.
            UnavailableError: the server is away, or somebody else is writing; see the message.
        """
        check_repo(repo)
        check_files(repo, files)
        _check_names(repo, files)
        stored = stored_files(repo, files)
        with self._connection.errors(f"creating {repo}"):
            self._connection.client.create_repo(repo, update=True)
        before = self._head(repo)
        if before and self._holds(before, stored):
            return self.get(repo, before.id)
        self._files.write(repo, files, stored, digests.write(stored, message))
        return self._put_as(repo, stored, before)

    def get(self, repo: str, ref: str = BRANCH) -> Commit:
        """Like ``DataStore.get``.

        Raises:
            NotFoundError: no such repo, branch or commit, or several commits begin so.
            UnavailableError: somebody holds the commit open.
            DataError: the commit ended with an error.
        """
        check_repo(repo)
        revision = self._revisions.finished(self._resolve(repo, ref))
        before = islice(self._revisions.upto(repo, revision.id), 1, None)
        return self._reader.commit(revision, (ancestor for ancestor in before if ancestor.sound))

    def log(self, repo: str) -> list[Commit]:
        check_repo(repo)
        head = self._resolve(repo, BRANCH)
        history = [self._revisions.settled(revision) for revision in self._revisions.upto(repo, head.id)]
        sound = [revision for revision in history if revision.sound]
        return [self._reader.commit(revision, sound[place + 1 :]) for place, revision in enumerate(sound)]

    def read(self, commit: Commit, name: str) -> bytes:
        stored = stored_file(commit, name)
        content = self._files.read(commit.repo, commit.id, name, stored.size)
        check_content(content, stored, commit)
        return content

    def _resolve(self, repo: str, ref: str) -> Revision:
        if not (_COMMIT.fullmatch(ref) or _BRANCH.fullmatch(ref)):
            raise NotFoundError(f"{repo}: no branch or commit id {ref!r}; see fmnist data log {repo}")
        try:
            if _COMMIT.fullmatch(ref):
                return self._revisions.get(repo, ref)
            if not _BEGINNING.fullmatch(ref):
                return self._revisions.head(repo, ref)
            with suppress(NotFoundError):
                return self._revisions.head(repo, ref)
            commits = {revision.id: revision for revision in self._revisions.all(repo)}
        except NotFoundError as error:
            known = self._revisions.repos()
            advice = f"fmnist data fetch or put makes a repo (there are: {', '.join(known) or 'none'})"
            if repo in known:
                advice = f"see fmnist data log {repo}"
            raise NotFoundError(f"{error}; {advice}") from error
        return commits[full_id(repo, ref, commits)]

    def _head(self, repo: str) -> Revision | None:
        """The newest commit, finished; None before the first. One that ended with an error will do."""
        try:
            head = self._revisions.head(repo)
        except NotFoundError:
            return None
        return head if head.error else self._revisions.finished(head)

    def _holds(self, revision: Revision, stored: tuple[StoredFile, ...]) -> bool:
        """Whether a commit holds these very files, bytes and all."""
        if revision.error or (commit := self.get(revision.repo, revision.id)).files != stored:
            return False
        return is_readable(self, commit)

    def _put_as(self, repo: str, stored: tuple[StoredFile, ...], before: Revision | None) -> Commit:
        """The commit that a put of these files has just made after ``before``: pachd does not say which."""
        for revision in self._revisions.upto(repo, self._revisions.head(repo).id):
            if before and revision.id == before.id:
                break
            try:
                commit = self.get(repo, revision.id)
            except DataError as error:
                self._revisions.drop(revision)
                raise DataError(f"putting into {repo}: {error}; fmnist dropped it") from error
            if commit.files == stored:
                return commit
        raise UnavailableError(
            f"{repo}: somebody else put files at the same time, and no commit holds just these; put again"
        )


def _check_names(repo: str, names: Mapping[str, Path]) -> None:
    """Raises InputError for names that pachd does not take, or that fmnist keeps for itself."""
    for name in names:
        if not _FILE.fullmatch(name) or _GLOB.search(name):
            raise InputError(
                f"{repo}: file name {name!r}: Pachyderm takes ASCII without any of *?[]{{}}!()@+^; rename it"
            )
        if name == digests.NAME:
            raise InputError(f"{repo}: file name {name}: fmnist writes that file itself; leave it out")
