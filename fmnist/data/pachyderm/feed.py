"""Feed of new commits: a subscription wakes up, the branch's log lists the new commits.

A subscription alone does not do: it replays the whole history, starting from a commit leaves out that
commit only, and it also brings commits that ended with an error.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from fmnist.clients.pachyderm.connection import Connection
from fmnist.data.base import BRANCH
from fmnist.data.pachyderm.revisions import Revision, Revisions
from fmnist.data.watch import newer
from fmnist.errors import NotFoundError, UnavailableError


class PachydermFeed:
    """A ``CommitFeed`` of the branch master."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._revisions = Revisions(connection)

    def after(self, repo: str, seen: Sequence[str]) -> list[str]:
        """Like ``CommitFeed.after``; commits after an unfinished one are held back."""
        known = set(seen)
        history: list[Revision] = []
        for revision in self._history(repo):
            history.append(revision)
            if revision.id in known:
                break
        by_id = {revision.id: revision for revision in history}
        new = [by_id[commit] for commit in newer(list(by_id), seen, repo)]
        return [
            revision.id for revision in takewhile(lambda found: found.finished, new) if not revision.error
        ]

    def changes(self, repo: str) -> Iterator[None]:
        """Like ``CommitFeed.changes``; also before the first commit, once the repo is there."""
        from fmnist.clients.pachyderm.messages import pfs_proto

        replayed = {revision.id for revision in self._history(repo) if revision.finished}
        yield
        try:
            with self._connection.errors(f"watching {repo}"):
                finished = pfs_proto.CommitState.FINISHED
                stream = self._connection.client.subscribe_commit(repo, BRANCH, state=finished)
                try:
                    for info in stream:
                        if info.commit.id not in replayed:
                            yield
                finally:
                    stream.cancel()
        except NotFoundError as error:
            # A commit that is dropped ends the subscription, sometimes in these words.
            self._check_exists(repo)
            raise UnavailableError(str(error)) from error

    def _history(self, repo: str) -> Iterator[Revision]:
        """The branch's commits, newest first; none before the first put."""
        try:
            head = self._revisions.head(repo)
        except NotFoundError:
            self._check_exists(repo)
            return
        try:
            yield from self._revisions.upto(repo, head.id)
        except NotFoundError as error:
            # Dropped between the two questions.
            raise UnavailableError(str(error)) from error

    def _check_exists(self, repo: str) -> None:
        with self._connection.errors(f"watching {repo}"):
            self._connection.client.inspect_repo(repo)
