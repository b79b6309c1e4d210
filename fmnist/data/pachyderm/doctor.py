"""Diagnosis of a Pachyderm server: unfinished and failed commits, which stop the data stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc  # type: ignore[import-untyped, unused-ignore]

from fmnist.clients.pachyderm.connection import Connection
from fmnist.clients.pachyderm.errors import status_of
from fmnist.core.names import check_repo
from fmnist.data.base import BRANCH
from fmnist.data.pachyderm.revisions import Revision, Revisions
from fmnist.errors import NotFoundError

_SLOW = timedelta(minutes=1)
"""pachd finishes a commit 0.5-1.5 s after it was closed."""


@dataclass(frozen=True)
class Finding:
    """A commit that was never closed or never finished, or a head that ended with an error."""

    repo: str
    commit: str
    problem: str
    since: datetime
    is_head: bool


@dataclass(frozen=True)
class Checkup:
    """State of a server and of some of its repos.

    Attributes:
        user: None if authentication is disabled.
        commits: number of commits by repo, None if the repo is missing.
        findings: commits that are unfinished or failed.
    """

    address: str
    version: str
    user: str | None
    commits: dict[str, int | None]
    findings: tuple[Finding, ...]


class Doctor:
    """Examines a server, and drops unfinished and failed commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._revisions = Revisions(connection)

    def examine(self, repos: Sequence[str]) -> Checkup:
        """Examine the server and these repos.

        Raises:
            ConfigError: the token is missing or wrong, or what listens there is no pachd.
            UnavailableError: the server cannot be reached.
        """
        for repo in repos:
            check_repo(repo)
        with self._connection.errors("asking for the version"):
            version = self._connection.client.get_remote_version()
        user = self._user()
        found = {repo: self._known(repo) for repo in repos}
        return Checkup(
            address=self._connection.pachd.url,
            version=f"{version.major}.{version.minor}.{version.micro}{version.additional}",
            user=user,
            commits={repo: None if known is None else len(known) for repo, known in found.items()},
            findings=tuple(finding for known in found.values() for finding in self._findings(known or [])),
        )

    def drop(self, findings: Sequence[Finding], older_than: timedelta) -> list[Finding]:
        """Drop the commits of these findings that have been so for longer; gives those that were dropped.

        Raises:
            UnavailableError: a commit has children, so it cannot be dropped.
        """
        due = [finding for finding in findings if datetime.now(UTC) - finding.since >= older_than]
        for finding in due:
            self._revisions.drop(self._revisions.get(finding.repo, finding.commit))
        return due

    def _user(self) -> str | None:
        with self._connection.errors("asking who am I"):
            try:
                user: str = self._connection.client.who_am_i().username
            except grpc.RpcError as error:
                if status_of(error)[0] is grpc.StatusCode.UNIMPLEMENTED:
                    return None
                raise
            return user

    def _known(self, repo: str) -> list[Revision] | None:
        try:
            return self._revisions.all(repo)
        except NotFoundError:
            return None

    def _findings(self, revisions: list[Revision]) -> list[Finding]:
        if not revisions:
            return []
        try:
            head = self._revisions.head(revisions[0].repo, BRANCH).id
        except NotFoundError:
            head = ""
        return [
            Finding(
                revision.repo, revision.id, problem, revision.closed or revision.started, revision.id == head
            )
            for revision in revisions
            if (problem := _problem(revision, revision.id == head))
        ]


def _problem(revision: Revision, is_head: bool) -> str | None:
    if revision.open:
        return "never finished"
    if revision.closed and not revision.finished and datetime.now(UTC) - revision.closed > _SLOW:
        return "closed, but pachd has not finished it"
    if is_head and revision.error:
        return f"ended with an error: {revision.error}"
    return None
