"""Commits of a repo as pachd sees them: also open, broken and empty ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fmnist.clients.pachyderm.connection import Connection
from fmnist.data.base import BRANCH
from fmnist.errors import DataError, NotFoundError, TimedOut, UnavailableError

_TRIES = 3


@dataclass(frozen=True)
class Revision:
    """A commit in whatever state.

    Attributes:
        closed: time at which its writer ended; None while it is open.
        finished: whether pachd is done with it, usually a second after it was closed.
        error: what it broke on, empty if nothing.
    """

    repo: str
    id: str
    description: str
    started: datetime
    closed: datetime | None
    finished: bool
    error: str

    @property
    def open(self) -> bool:
        return self.closed is None

    @property
    def sound(self) -> bool:
        return self.finished and not self.error


class Revisions:
    """What pachd answers about commits that users made; those of its own making are passed over."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def head(self, repo: str, branch: str = BRANCH) -> Revision:
        """The newest commit of a branch, in whatever state.

        Raises:
            NotFoundError: no such repo or branch, or nobody has put anything there.
        """
        for tries_left in reversed(range(_TRIES)):
            with self._connection.errors(f"data repo {repo}"):
                newest = self._connection.client.inspect_branch(repo, branch).head.id
            try:
                if found := next(self.upto(repo, newest), None):
                    return found
                break
            except NotFoundError:
                # Dropped between the two questions.
                if not tries_left:
                    raise
        raise NotFoundError(f"data repo {repo}: branch {branch} has no commit yet")

    def get(self, repo: str, commit: str) -> Revision:
        """The commit with this full id.

        Raises:
            NotFoundError: no such repo or commit.
        """
        with self._connection.errors(f"data repo {repo}"):
            return _revision(next(self._connection.client.inspect_commit(commit_handle(repo, commit))))

    def upto(self, repo: str, commit: str) -> Iterator[Revision]:
        """The commit with this full id, then its ancestors, newest first."""
        with self._connection.errors(f"data repo {repo}"):
            answer = self._connection.client.list_commit(repo, to_commit=commit_handle(repo, commit))
            try:
                for info in answer:
                    yield _revision(info)
            finally:
                answer.cancel()

    def all(self, repo: str) -> list[Revision]:
        """The commits of all branches, newest first."""
        with self._connection.errors(f"data repo {repo}"):
            return [_revision(info) for info in self._connection.client.list_commit(repo)]

    def repos(self) -> list[str]:
        """The names of all repos that users made."""
        with self._connection.errors("listing repos"):
            return sorted(info.repo.name for info in self._connection.client.list_repo())

    def finished(self, revision: Revision) -> Revision:
        """The same commit once pachd is done with it.

        Raises:
            UnavailableError: somebody holds it open.
            DataError: it ended with an error.
            TimedOut: pachd is not done before the deadline.
        """
        what = f"{revision.repo}@{revision.id}"
        if revision.open:
            raise UnavailableError(
                f"{what}: open since {revision.started:%Y-%m-%d %H:%M} UTC, so its files are not all there; "
                f"finish it, or drop it: fmnist data doctor {revision.repo} --drop"
            )
        revision = self.settled(revision)
        if revision.error:
            raise DataError(
                f"{what}: ended with an error: {revision.error}; put right files, or drop it: "
                f"fmnist data doctor {revision.repo} --drop"
            )
        return revision

    def settled(self, revision: Revision) -> Revision:
        """The same commit, once pachd is done with it if nobody holds it open.

        Raises:
            TimedOut: pachd is not done before the deadline.
        """
        if revision.open or revision.finished:
            return revision
        what = f"{revision.repo}@{revision.id}"
        try:
            with self._connection.errors(what):
                (info,) = self._connection.client.wait_commit(commit_handle(revision.repo, revision.id))
        except TimedOut as error:
            raise TimedOut(
                f"{what}: closed at {revision.closed:%Y-%m-%d %H:%M} UTC, not finished by pachd ({error}); "
                f"see its log, or drop the commit: fmnist data doctor {revision.repo} --drop"
            ) from error
        return _revision(info)

    def drop(self, revision: Revision) -> None:
        """Remove a commit that has no children, in all repos that it is in.

        Raises:
            UnavailableError: it has children.
        """
        with self._connection.errors(f"dropping {revision.repo}@{revision.id}"):
            self._connection.client.drop_commit(revision.id)


def commit_handle(repo: str, commit: str) -> Any:
    """python-pachyderm's name for a commit by its full id."""
    from fmnist.clients.pachyderm.messages import pfs

    return pfs.Commit(repo=repo, id=commit)


def _revision(info: Any) -> Revision:
    return Revision(
        repo=info.commit.repo.name,
        id=info.commit.id,
        description=info.description,
        started=_time(info.started),
        closed=_time(info.finishing) if info.HasField("finishing") else None,
        finished=info.HasField("finished"),
        error=info.error,
    )


def _time(stamp: Any) -> datetime:
    found: datetime = stamp.ToDatetime().replace(tzinfo=UTC)
    return found
